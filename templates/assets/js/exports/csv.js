// Tables as CSV files.

// Spreadsheets run text that begins like a formula. An apostrophe before it makes it text, as in the other CSV files.
const quoted = (text) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : String(text)).replaceAll('"', '""')}"`;
const file = (lines) => `${lines.map((line) => line.join(",")).join("\r\n")}\r\n`;

export const csv = { quoted, file };
