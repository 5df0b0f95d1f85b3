//! Failures, tables, and a stdout that may be closed.

use std::error::Error;
use std::io;

/// Why a command failed: a text for stderr, or a stdout that nobody reads any more.
#[derive(Debug)]
pub struct Failure(pub Box<dyn Error>);

impl Failure {
    /// A failure in words.
    pub fn new(text: impl Into<String>) -> Self {
        Failure(text.into().into())
    }

    /// Whether stdout was closed by its reader.
    pub fn is_closed_pipe(&self) -> bool {
        let error = self.0.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure(Box::new(error))
    }
}

/// Rows of columns, each column as wide as its widest cell.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Only a heading yet.
    pub fn new(heading: &[&str]) -> Self {
        Table { rows: vec![heading.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// Whether there is only the heading.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// Writes it, indented by two.
    pub fn write(&self, out: &mut impl io::Write) -> io::Result<()> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("  {cell:<width$}"));
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Whether the reader of stdout has gone, so that a command that waits need not wait for ever.
pub fn reader_is_gone() -> bool {
    let mut look = libc::pollfd { fd: libc::STDOUT_FILENO, events: 0, revents: 0 };
    // SAFETY: one valid pollfd, and no waiting.
    let found = unsafe { libc::poll(&mut look, 1, 0) };
    found == 1 && look.revents & (libc::POLLERR | libc::POLLNVAL) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&["A", "LONGER"]);
        assert!(table.is_empty());
        table.row(["wide cell".to_owned(), "é".to_owned()]);
        let mut out = Vec::new();
        table.write(&mut out).expect("a vector takes all");
        let text = String::from_utf8(out).expect("a table is text");
        assert_eq!(text, "  A          LONGER\n  wide cell  é\n");
    }
}
