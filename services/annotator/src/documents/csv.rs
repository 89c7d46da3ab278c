//! Tables as Markdown.

use std::fmt::Write;

use super::UnreadableDocument;

/// The delimiter that the first line has most of.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |delimiter: &u8| first.bytes().filter(|b| b == delimiter).count();
    b",;\t"
        .iter()
        .copied()
        .max_by_key(|d| (count(d), *d == b','))
        .unwrap_or(b',')
}

fn cells<'r>(record: impl Iterator<Item = &'r str>) -> String {
    record.fold("|".to_owned(), |mut row, cell| {
        let cell = cell.trim().replace('|', "\\|").replace(['\n', '\r'], " ");
        // Writing to a String cannot fail.
        let _ = write!(row, " {cell} |");
        row
    })
}

pub(super) fn read(text: &str) -> Result<(String, String), UnreadableDocument> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .flexible(true)
        .from_reader(text.as_bytes());
    let headers = reader
        .headers()
        .map_err(|source| UnreadableDocument::Table { record: 1, source })?
        .clone();
    let mut table = format!(
        "{}\n{}\n",
        cells(headers.iter()),
        cells(headers.iter().map(|_| "---"))
    );
    let mut rows: u64 = 0;
    for record in reader.records() {
        rows += 1;
        let record = record.map_err(|source| UnreadableDocument::Table {
            record: rows + 1,
            source,
        })?;
        table.push_str(&cells(record.iter()));
        table.push('\n');
    }
    let columns = headers.iter().collect::<Vec<_>>().join(", ");
    Ok((table, format!("Table, {rows} rows, columns: {columns}")))
}
