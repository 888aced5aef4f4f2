import { expect } from 'chai';
import { AutoImageProcessor, ConvNextV2ForImageClassification } from '../../../src/index.js';

/*
 * What Hugging Face's page of ConvNeXt V2 says, and needs the network for: the classes of COCO's picture 39769, two cats on a
 * sofa. Run with CONVNEXTV2_NETWORK=1 and CONVNEXTV2_CATS, the path of that picture.
 */
const { CONVNEXTV2_NETWORK, CONVNEXTV2_CATS } = process.env;

(CONVNEXTV2_NETWORK === '1' ? describe : describe.skip)('facebook/convnextv2-tiny-1k-224', () => {
  it('sees what the page says', async () => {
    const source = 'facebook/convnextv2-tiny-1k-224';
    const processor = await AutoImageProcessor.fromPretrained(source);
    const model = await ConvNextV2ForImageClassification.fromPretrained(source);
    const { pixelValues } = await processor.preprocess(CONVNEXTV2_CATS!);
    const { logits } = model.forward(pixelValues);
    const values = await logits.data();
    const want = [0.9989, 0.1953, -0.4382];
    // the reference's own test allows 1e-4; JPEG decoders may differ by a level
    for (const [i, value] of want.entries()) expect(values[i]).to.be.closeTo(value, 5e-3);
    expect(model.config.id2label[values.indexOf(Math.max(...values))]).to.equal('tabby, tabby cat');
  });
});
