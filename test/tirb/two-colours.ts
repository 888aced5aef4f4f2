/** A picture of two colours, left and right. */
export const twoColours = (width: number, height: number) => ({
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const isLeft = Math.floor(i / 3) % width < width / 2;
    return isLeft === (i % 3 === 0) ? 200 : 0; // red left, cyan right
  }),
  width,
  height,
  channels: 3,
});
