// The last 1 to 3 elements of a row along which the lanes lie. `bytes` is 4, 8 or 12.

/** The missing ones are −∞, whose exp is 0, if not `filler`. */
// @ts-ignore: decorator
@inline
export function loadTail(src: usize, bytes: usize, filler: f32 = -Infinity): v128 {
  const fill = f32x4.splat(filler);
  if (bytes == 4) return v128.load32_lane(src, fill, 0);
  const two = v128.load64_lane(src, fill, 0);
  return bytes == 8 ? two : v128.load32_lane(src, two, 2, 8);
}

// @ts-ignore: decorator
@inline
export function storeTail(dst: usize, v: v128, bytes: usize): void {
  if (bytes == 4) v128.store32_lane(dst, v, 0);
  else {
    v128.store64_lane(dst, v, 0);
    if (bytes == 12) v128.store32_lane(dst, v, 2, 8);
  }
}
