import { expect } from 'chai';
import sharp from 'sharp';
import { decodeImage, useBackend } from '../../src/index.js';
import {
  Canvas,
  createCanvas,
  createCanvasFromMedia,
  draw,
  env,
  getContext2dOrThrow,
  Image,
  ImageData,
  loadImage,
  toNetInput,
} from '../../src/tirb/index.js';
import { failure } from '../helpers.js';
import { twoColours } from './two-colours.js';

const PICTURE = 'examples/pictures/chelsea.png';

/** Red, green, blue and alpha of a pixel. */
async function pixel(canvas: Canvas, x: number, y: number): Promise<number[]> {
  const { data, width } = await canvas.toRawImage();
  return [...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)];
}

async function imageOf(raw: ReturnType<typeof twoColours>): Promise<Image> {
  const image = new Image();
  image.src = raw;
  await image.decode();
  return image;
}

describe('the canvas', () => {
  before(() => useBackend('cpu'));

  it('is what tfjs-image-recognition-base makes', () => {
    const canvas = createCanvas({ width: 5, height: 4 });
    expect(canvas).to.be.an.instanceOf(Canvas);
    expect([canvas.width, canvas.height]).to.deep.equal([5, 4]);
    const context = getContext2dOrThrow(canvas);
    expect(getContext2dOrThrow(context as object)).to.equal(context);
    expect(env.getEnv().createImageElement()).to.be.an.instanceOf(Image);
  });

  it('is drawn on by DrawBox and DrawTextField, and keeps every other pixel', async () => {
    const picture = await loadImage(PICTURE);
    const canvas = createCanvasFromMedia(picture) as Canvas;
    new draw.DrawBox(
      { x: 100, y: 60, width: 50, height: 40 },
      { label: 'cat', boxColor: '#00ff00', lineWidth: 4 },
    ).draw(canvas);
    new draw.DrawTextField(['one', 'two'], { x: 440, y: 290 }, { backgroundColor: 'rgb(255, 0, 0)' }).draw(canvas);
    expect(await pixel(canvas, 100, 80)).to.deep.equal([0, 255, 0, 255]);
    expect(await pixel(canvas, 98, 59)).to.deep.equal([0, 255, 0, 255]);
    // the label stands on the box: 14 + 2 x 4 pixels high
    expect(await pixel(canvas, 99, 40)).to.deep.equal([0, 255, 0, 255]);
    // the text is put where it fits: 2 x 14 + 2 x 4 high and 3 letters of 8.4 + 2 x 4 wide
    expect(await pixel(canvas, 450, 299)).to.deep.equal([255, 0, 0, 255]);
    expect(await pixel(canvas, 451 - 30, 300 - 34)).to.deep.equal([255, 0, 0, 255]);

    const drawn = await canvas.toRawImage();
    const [width, height] = [451, 300];
    const { data } = await decodeImage(PICTURE);
    let white = 0;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const own = [...drawn.data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)];
        const isFar = (x < 90 || x > 160 || y < 30 || y > 110) && (x < 410 || y < 255);
        if (isFar) expect(own).to.deep.equal([...data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3), 255]);
        if (!isFar && own.every((value) => value === 255)) white++;
      }
    }
    expect(white).to.be.above(20); // letters
  });

  it('draws what a context draws', async () => {
    const canvas = new Canvas(40, 30);
    const context = canvas.getContext('2d');
    context.fillStyle = 'rgba(0, 0, 255, 1)';
    context.fillRect(2, 2, 4, 4);
    context.save();
    context.fillStyle = 'red';
    context.globalAlpha = 0.5;
    context.fillRect(20, 2, -4, 4); // from the right
    context.restore();
    expect([context.fillStyle, context.globalAlpha]).to.deep.equal(['rgba(0, 0, 255, 1)', 1]);
    context.restore(); // once too often changes nothing
    context.beginPath();
    context.arc(10, 20, 5, 0, 2 * Math.PI);
    context.fill();
    context.beginPath();
    context.moveTo(25, 10);
    context.lineTo(35, 10);
    context.lineTo(35, 20);
    context.closePath();
    context.fill();
    context.beginPath();
    context.rect(30, 25, 4, 4);
    context.strokeStyle = '#0f0';
    context.lineWidth = 2;
    context.stroke();
    expect(await pixel(canvas, 3, 3)).to.deep.equal([0, 0, 255, 255]);
    expect(await pixel(canvas, 0, 0)).to.deep.equal([0, 0, 0, 0]);
    expect((await pixel(canvas, 18, 3)).slice(0, 3)).to.deep.equal([255, 0, 0]);
    expect((await pixel(canvas, 18, 3))[3]).to.be.within(127, 128);
    expect(await pixel(canvas, 10, 20)).to.deep.equal([0, 0, 255, 255]);
    expect(await pixel(canvas, 5, 15)).to.deep.equal([0, 0, 0, 0]); // beside the circle, in its square
    expect(await pixel(canvas, 33, 12)).to.deep.equal([0, 0, 255, 255]);
    expect(await pixel(canvas, 26, 18)).to.deep.equal([0, 0, 0, 0]);
    expect(await pixel(canvas, 30, 27)).to.deep.equal([0, 255, 0, 255]);
    context.clearRect(0, 0, 40, 30);
    expect([...(await canvas.toRawImage()).data].every((value) => value === 0)).to.equal(true);
  });

  it('begins a curve without a path at its first point, and strokes as it is told', async () => {
    const canvas = new Canvas(40, 30);
    const context = canvas.getContext('2d');
    context.globalAlpha = 0.5;
    context.lineWidth = 4;
    context.lineCap = 'square'; // reaches 2 pixels beyond the ends
    context.beginPath();
    context.quadraticCurveTo(10, 5, 30, 5);
    context.stroke();
    context.beginPath();
    context.bezierCurveTo(10, 15, 20, 15, 30, 15);
    context.stroke();
    context.globalAlpha = 1;
    context.lineWidth = 2;
    context.lineJoin = 'bevel'; // cuts the corner off
    context.strokeRect(11, 29, 20, -8); // from below
    for (const y of [5, 15]) {
      for (const x of [9, 20, 31]) expect((await pixel(canvas, x, y))[3], `${x}, ${y}`).to.be.within(127, 128);
      expect(await pixel(canvas, 7, y)).to.deep.equal([0, 0, 0, 0]);
    }
    expect((await pixel(canvas, 20, 20))[3]).to.equal(255);
    expect((await pixel(canvas, 10, 20))[3]).to.be.below(200);
  });

  it('draws nothing for a number that is none', async () => {
    const canvas = new Canvas(40, 30);
    const context = canvas.getContext('2d');
    context.fillRect(Number.NaN, 0, 40, 30);
    context.fillText('1', 0, Number.NaN);
    context.clearRect(0, Number.NaN, 40, 30);
    expect([...(await canvas.toRawImage()).data].some((value) => value > 0)).to.equal(false);
    context.beginPath();
    context.moveTo(0, 5);
    context.lineTo(Number.POSITIVE_INFINITY, 25);
    context.rect(0, Number.NaN, 3, 3);
    context.arc(20, 25, 3, 0, Number.NaN);
    context.arc(20, 25, -3, 0, 1);
    context.lineTo(40, 5); // on from where the path was
    context.lineWidth = 2;
    context.stroke();
    expect(await pixel(canvas, 12, 5)).to.deep.equal([0, 0, 0, 255]);
    expect((await canvas.toRawImage()).data.subarray(40 * 4 * 8).some((value) => value > 0)).to.equal(false);
  });

  it('draws arcs the right way round', async () => {
    const inArc = async (start: number, end: number, counterclockwise?: boolean) => {
      const canvas = new Canvas(20, 20);
      const context = canvas.getContext('2d');
      context.beginPath();
      context.moveTo(10, 10);
      context.arc(10, 10, 8, start, end, counterclockwise);
      context.fill();
      const at = (x: number, y: number) => pixel(canvas, x, y).then(([, , , alpha]) => alpha > 128);
      // right below, left below, left above, right above
      return Promise.all([at(13, 13), at(6, 13), at(6, 6), at(13, 6)]);
    };
    expect(await inArc(0, Math.PI / 2)).to.deep.equal([true, false, false, false]);
    expect(await inArc(0, Math.PI / 2, true)).to.deep.equal([false, true, true, true]);
    expect(await inArc(0, (3 * Math.PI) / 2)).to.deep.equal([true, true, true, false]);
    expect(await inArc(0, 9)).to.deep.equal([true, true, true, true]);
    expect(await inArc(-Math.PI / 2, 0)).to.deep.equal([false, false, false, true]);
  });

  it('measures and places text', async () => {
    const canvas = new Canvas(60, 40);
    const context = canvas.getContext('2d');
    context.font = 'bold 20px Georgia';
    expect(context.measureText('abc').width).to.equal(3 * 6 * 2);
    const rowsOf = async (): Promise<[number, number]> => {
      const { data } = await canvas.toRawImage();
      const rows = Array.from({ length: 40 }, (_, y) =>
        data.subarray(240 * y, 240 * (y + 1)).some((value) => value > 0),
      );
      canvas.width = 60; // empties it
      return [rows.indexOf(true), rows.lastIndexOf(true)];
    };
    context.font = '20px Georgia';
    context.fillText('1', 10, 30); // 7 units of 2 pixels above the line
    expect(await rowsOf()).to.deep.equal([16, 29]);
    context.textBaseline = 'top';
    context.fillText('1', 10, 5);
    expect(await rowsOf()).to.deep.equal([5, 18]);
    context.textBaseline = 'alphabetic';
    context.textAlign = 'right';
    context.fillText('1', 60, 30);
    const { data } = await canvas.toRawImage();
    expect(data.subarray(240 * 29, 240 * 29 + 4 * 48).some((value) => value > 0)).to.equal(false);
    canvas.height = 40; // empties it, too
    expect(await rowsOf()).to.deep.equal([-1, -1]);
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText('1', 30, 20); // from 24 to 36, the stroke of the 1 in the middle of the first 10; from 13 to 27
    const [above, middle] = [12, 20].map((y) => pixel(canvas, 28, y));
    expect([(await above)[3], (await middle)[3]]).to.deep.equal([0, 255]);
  });

  it('draws pictures: at a place, in a size, a part of one, and over what is there', async () => {
    const picture = await imageOf(twoColours(8, 4));
    const canvas = new Canvas(20, 10);
    const context = canvas.getContext('2d');
    context.drawImage(picture, 1, 2);
    expect(await pixel(canvas, 1, 2)).to.deep.equal([200, 0, 0, 255]);
    expect(await pixel(canvas, 8, 5)).to.deep.equal([0, 200, 200, 255]);
    expect(await pixel(canvas, 9, 5)).to.deep.equal([0, 0, 0, 0]);
    context.drawImage(picture, 4, 0, 4, 4, 12, 0, 8, 10); // its right half
    expect(await pixel(canvas, 12, 9)).to.deep.equal([0, 200, 200, 255]);
    context.globalAlpha = 0.5;
    context.drawImage(picture, 12, 0); // red, half, over cyan
    expect(await pixel(canvas, 12, 0)).to.deep.equal([100, 100, 100, 255]);
    context.globalAlpha = 1;
    context.drawImage(picture, -6, -2); // beyond the edge
    expect(await pixel(canvas, 0, 0)).to.deep.equal([0, 200, 200, 255]);
    context.clearRect(0, 0, 1e9, 1e9);
    context.drawImage(picture, 0, 9, 8, -4); // from below
    expect(await pixel(canvas, 0, 5)).to.deep.equal([200, 0, 0, 255]);
    context.drawImage(picture, 0, 0, 0, 5);
    for (const [channels, wanted] of [
      [1, [7, 7, 7, 255]],
      [2, [7, 7, 7, 128]],
    ] as const) {
      const gray = { ...twoColours(1, 1), data: new Uint8Array([7, 128].slice(0, channels)), channels };
      context.clearRect(0, 0, 20, 10);
      context.drawImage(await imageOf(gray), 0, 0);
      expect(await pixel(canvas, 0, 0)).to.deep.equal(wanted);
    }
    context.clearRect(0, 0, 20, 10);
    context.drawImage(picture, Number.NaN, 0);
    expect((await failure(() => context.drawImage(picture, 1, 2, 3))).code).to.equal('E_ARGUMENT');
    for (const none of [{}, undefined, null]) {
      expect((await failure(() => context.drawImage(none as Image, 1, 2))).code).to.equal('E_ARGUMENT');
    }
    for (const alpha of [Number.NaN, -1, 2]) {
      context.globalAlpha = alpha;
      context.drawImage(picture, 0, 0);
      expect(await pixel(canvas, 0, 0)).to.deep.equal([200, 0, 0, 255]); // as if it had not been set
    }
    expect((await failure(() => context.drawImage(new Image(), 1, 2))).code).to.equal('E_IMAGE');
  });

  it('keeps the order of what is drawn', async () => {
    const canvas = new Canvas(8, 4);
    const context = canvas.getContext('2d');
    context.fillStyle = 'blue';
    context.fillRect(0, 0, 8, 4);
    context.drawImage(await imageOf(twoColours(8, 4)), 0, 0, 8, 2); // over it, though that is only recorded
    context.fillStyle = 'lime';
    context.fillRect(0, 1, 8, 1);
    const colours = await Promise.all([0, 1, 2].map((y) => pixel(canvas, 0, y)));
    expect(colours).to.deep.equal([
      [200, 0, 0, 255],
      [0, 255, 0, 255],
      [0, 0, 255, 255],
    ]);
    // a canvas drawn on another is drawn as it was then
    const other = new Canvas(8, 4);
    other.getContext('2d').drawImage(canvas, 0, 0);
    context.fillStyle = 'white';
    context.fillRect(0, 0, 8, 4);
    expect(await pixel(other, 0, 1)).to.deep.equal([0, 255, 0, 255]);
    expect(await pixel(canvas, 0, 1)).to.deep.equal([255, 255, 255, 255]);
    context.globalAlpha = 0.5;
    context.drawImage(await imageOf(twoColours(8, 4)), 0, 0); // red, half, over white
    context.globalAlpha = 1;
    expect(await pixel(canvas, 0, 3)).to.deep.equal([228, 128, 128, 255]);
    // and on one that waits, though its own pixels change at once
    const third = new Canvas(8, 4);
    third.getContext('2d').drawImage(await imageOf(twoColours(8, 4)), 0, 0);
    context.globalAlpha = 0.5;
    context.drawImage(third, 0, 0);
    third.getContext('2d').clearRect(0, 0, 8, 4);
    expect(await pixel(canvas, 0, 3)).to.deep.equal([214, 64, 64, 255]);
  });

  it('gives its pixels at once where pictures alone are on it, and else when they are rendered', async () => {
    const canvas = new Canvas(4, 2);
    const context = canvas.getContext('2d');
    const image = new ImageData(2, 1);
    image.data.set([1, 2, 3, 255, 4, 5, 6, 128]);
    context.putImageData(image, 1, 1);
    expect([...context.getImageData(1, 1, 3, 1).data]).to.deep.equal([1, 2, 3, 255, 4, 5, 6, 128, 0, 0, 0, 0]);
    expect([...context.getImageData(-1, 1, 3, 1).data]).to.deep.equal([0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 255]);
    expect([...context.getImageData(1.9, 1.9, 1.9, 1.9).data]).to.deep.equal([1, 2, 3, 255]); // fractions are cut off
    context.putImageData(image, 2.9, 0.9);
    expect([...context.getImageData(2, 0, 1, 1).data]).to.deep.equal([1, 2, 3, 255]);
    context.clearRect(2, 0, 2, 1);
    for (const side of [-1, Number.NaN]) {
      expect((await failure(() => context.getImageData(0, 0, side, 1))).code).to.equal('E_ARGUMENT');
    }
    expect((await failure(() => context.putImageData(undefined as any, 0, 0))).code).to.equal('E_ARGUMENT');
    context.fillRect(0, 0, 1, 1);
    const refusal = await failure(() => context.getImageData(0, 0, 1, 1));
    expect([refusal.code, refusal.suggestion]).to.deep.equal([
      'E_ARGUMENT',
      'await canvas.render() before its pixels are read',
    ]);
    await Promise.all([canvas.render(), canvas.render()]);
    expect([...context.getImageData(0, 0, 1, 1).data]).to.deep.equal([0, 0, 0, 255]);
    context.fillRect(1, 0, 1, 1);
    await toNetInput(canvas); // renders it
    expect([...context.getImageData(1, 0, 1, 1).data]).to.deep.equal([0, 0, 0, 255]);
    context.fillRect(2, 0, 1, 1);
    const twice = [canvas.render(), canvas.render()];
    await new Promise(setImmediate);
    context.fillRect(3, 0, 1, 1); // while that is rendered
    await Promise.all(twice);
    expect((await pixel(canvas, 3, 0))[3]).to.equal(255);
    context.fillRect(3, 0, 1, 1);
    const rendering = canvas.render();
    await new Promise(setImmediate);
    canvas.width = 4; // empties it meanwhile
    await rendering;
    expect([...context.getImageData(3, 0, 1, 1).data]).to.deep.equal([0, 0, 0, 0]);
    context.putImageData(image, 0, 0);
    context.fillRect(2, 0, 1, 1);
    context.putImageData(image, 0, 1); // waits
    image.data.fill(9);
    expect(await pixel(canvas, 0, 1)).to.deep.equal([1, 2, 3, 255]);
    canvas.width = 4;
    expect([...context.getImageData(2, 0, 1, 1).data]).to.deep.equal([0, 0, 0, 0]);
  });

  it('is encoded, as a promise and as node-canvas does', async () => {
    const canvas = createCanvasFromMedia(await imageOf(twoColours(9, 5))) as Canvas;
    canvas.getContext('2d').fillRect(0, 0, 1, 1);
    const png = await sharp(await canvas.encode())
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([png.info.width, png.info.height, png.info.channels]).to.deep.equal([9, 5, 4]);
    expect([...png.data.subarray(0, 8)]).to.deep.equal([0, 0, 0, 255, 200, 0, 0, 255]);
    const jpeg = await new Promise<Uint8Array>((done, fail) => {
      canvas.toBuffer((error, buffer) => (buffer ? done(buffer) : fail(error)), 'image/jpeg');
    });
    expect((await sharp(jpeg).metadata()).format).to.equal('jpeg');
    const wrong = await failure(() => canvas.encode('pgn' as 'png'));
    expect([wrong.code, wrong.suggestion]).to.deep.equal(['E_ARGUMENT', 'did you mean "png"?']);
    const empty = new Canvas(0, 5);
    empty.getContext('2d').fillRect(0, 0, 5, 5);
    await empty.render();
    expect((await failure(() => empty.encode())).code).to.equal('E_IMAGE');
    expect((await failure(() => new Canvas(-1, 5))).code).to.equal('E_ARGUMENT');
    expect(canvas.getContext('webgl')).to.equal(null);
    expect((await failure(() => canvas.toBuffer('image/png' as any))).suggestion).to.equal('await canvas.encode()');
  });

  it('takes no markup for a colour', async () => {
    const canvas = new Canvas(4, 4);
    const context = canvas.getContext('2d');
    context.fillStyle = '"/><script>\u0000\u{1f600}';
    context.fillRect(0, 0, 4, 4);
    expect((await canvas.toRawImage()).data).to.have.length(64);
    context.fillStyle = {} as string;
    expect((await failure(() => context.fillRect(0, 0, 1, 1))).code).to.equal('E_ARGUMENT');
  });
});
