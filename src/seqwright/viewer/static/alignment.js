/** The longest common subsequence of two texts. */

/** Pairs of positions, in order. */
export function aligned(first, second) {
  const [n, m] = [first.length, second.length];
  let start = 0;
  while (start < n && start < m && first[start] === second[start]) start++;
  const width = m - start + 1;
  const longest = new Uint16Array((n - start + 1) * width);
  for (let i = n - 1; i >= start; i--) {
    for (let j = m - 1; j >= start; j--) {
      const at = (i - start) * width + (j - start);
      longest[at] =
        first[i] === second[j] ? longest[at + width + 1] + 1 : Math.max(longest[at + width], longest[at + 1]);
    }
  }
  const pairs = Array.from({ length: start }, (_, i) => [i, i]);
  for (let i = start, j = start; i < n && j < m;) {
    const at = (i - start) * width + (j - start);
    if (first[i] === second[j]) pairs.push([i++, j++]);
    else if (longest[at + width] >= longest[at + 1]) i++;
    else j++;
  }
  return pairs;
}
