/** The formats that are decoded. Whatever else libvips could open (SVG, PDF, HEIC, its own) is refused unseen. */
export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'avif' | 'tiff' | 'gif';

/** What the first bytes say of the format; undefined for none of ours. A file's name is not asked. */
export function formatOf(bytes: Uint8Array): ImageFormat | undefined {
  const text = Buffer.from(bytes.subarray(0, 256)).toString('latin1');
  if (text.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (/^GIF8[79]a/.test(text)) return 'gif';
  if (/^RIFF.{4}WEBP/s.test(text)) return 'webp';
  if (/^(II[*+]\0|MM\0[*+])/.test(text)) return 'tiff';
  if (brands(text).some((brand) => brand === 'avif' || brand === 'avis')) return 'avif';
  return undefined;
}

/** What an ISO media file calls itself: its own brand and those it is compatible with. */
function brands(text: string): readonly string[] {
  if (text.slice(4, 8) !== 'ftyp') return [];
  const box = text.slice(8, Buffer.from(text.slice(0, 4), 'latin1').readUInt32BE());
  return [box.slice(0, 4), ...(box.slice(8).match(/.{4}/gs) ?? [])];
}

/** What a server sends instead of a picture: a page that shows it, a login, an apology. */
export function isHtml(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.subarray(0, 1024)).toString('utf8');
  return /^\uFEFF?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b/is.test(text);
}

/** What a file that is none of our formats begins with, for a message. */
export function describeBytes(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'no bytes at all';
  if (isHtml(bytes)) return 'an HTML page';
  const start = Buffer.from(bytes.subarray(0, 24));
  const text = start.toString('latin1');
  if (/^[\t\n\r\x20-\x7e]+$/.test(text)) return `text that begins ${JSON.stringify(text)}`;
  const [brand] = brands(text);
  return brand ? `an ISO media file of brand ${JSON.stringify(brand)}` : `bytes that begin ${start.toString('hex')}`;
}

/** The size that a PNG's header claims, be the rest of it missing; undefined for other files. */
export function pngSize(bytes: Uint8Array): { readonly height: number; readonly width: number } | undefined {
  if (formatOf(bytes) !== 'png' || bytes.length < 24) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}
