import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { packageFile } from '../src/config/package-files.js';

/** The TypeScript types of the config files, made from their schemas: the text of configs/files.ts. */
export async function generateTypes(): Promise<string> {
  const v2 = await readSchema('convnextv2');
  const twoStage = await readSchema('faster-rcnn', v2.properties);
  const schemas = [
    v2,
    await readSchema('convnext', v2.properties),
    await readSchema('upernet', v2.properties),
    twoStage,
    await readSchema('mask-rcnn', { ...v2.properties, ...twoStage.properties }),
    await readSchema('retinanet', { ...v2.properties, ...twoStage.properties }),
    await readSchema('fcos', { ...v2.properties, ...twoStage.properties }),
    await readSchema('preprocessor'),
  ];
  const options = { bannerComment: '', ignoreMinAndMaxItems: true, style: { singleQuote: true, printWidth: 120 } };
  const types = await Promise.all(schemas.map((schema) => compile(schema, schema.title!, options)));
  return `// Made from configs/schemas/ by \`npm run types\`.\n\n${types.join('\n')}`;
}

/** A schema with what it borrows put in place, since the generator would name every borrowed part. */
async function readSchema(name: string, borrowed: JSONSchema['properties'] = {}): Promise<JSONSchema> {
  const schema: JSONSchema = JSON.parse(
    await readFile(packageFile('configs', 'schemas', `${name}.schema.json`), 'utf8'),
  );
  const properties = Object.entries(schema.properties ?? {}).map(([key, property]) => {
    const whole = property.$ref ? borrowed[key] : property;
    const untyped = !('type' in whole || 'enum' in whole || 'const' in whole);
    return [key, untyped ? { ...whole, tsType: 'unknown' } : whole];
  });
  return { ...schema, properties: Object.fromEntries(properties) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(packageFile('configs', 'files.ts'), await generateTypes());
}
