// Attention scores of 2 heads over 4 tokens: no token looks at those after it. One call for all heads; the scaling by 1/√8 is the
// temperature.

import { softmax } from "softmax-wasm";

const [heads, tokens, dimensions] = [2, 4, 8];
const scores = Float32Array.from({ length: heads * tokens * tokens }, (_, i) => 4 * Math.sin(i * i));

const weights = softmax(scores, {
  shape: [heads, tokens, tokens],
  causal: 0, // row i keeps columns j ≤ i
  temperature: Math.sqrt(dimensions),
});

for (let head = 0; head < heads; head++) {
  console.log(`head ${head}`);
  for (let token = 0; token < tokens; token++) {
    const start = (head * tokens + token) * tokens;
    const row = Array.from(weights.subarray(start, start + tokens), (weight) => weight.toFixed(2));
    console.log(`  token ${token} looks at  ${row.join("  ")}`);
  }
}
