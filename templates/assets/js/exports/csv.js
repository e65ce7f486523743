// Tables as files.

// Spreadsheets run what begins like a formula; an apostrophe before it makes it text, as in the files of other stages.
const quoted = (text) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : String(text)).replaceAll('"', '""')}"`;
const file = (lines) => `${lines.map((line) => line.join(",")).join("\r\n")}\r\n`;

export const csv = { quoted, file };
