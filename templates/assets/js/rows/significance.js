// What stands behind a finding: q, which is too small if the test treats documents of one input row as independent.

const test = (qTooSmall) =>
  `q < 0.05${qTooSmall ? "; documents of one input row count as independent, so q is too small" : ""}`;

export const significance = { test };
