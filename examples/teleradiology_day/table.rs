//! What was counted, beside what should have been.

use comfy_table::{Table, presets};

/// The rows of the closing table.
#[derive(Default)]
pub(crate) struct Results {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    expected: String,
    found: String,
}

impl Results {
    /// Adds a row; it is as it should be when both sides print alike.
    pub(crate) fn row(
        &mut self,
        what: impl Into<String>,
        expected: impl ToString,
        found: impl ToString,
    ) {
        let (what, expected, found) = (what.into(), expected.to_string(), found.to_string());
        self.rows.push(Row { what, expected, found });
    }

    pub(crate) fn all_as_expected(&self) -> bool {
        self.rows.iter().all(|row| row.expected == row.found)
    }

    pub(crate) fn to_table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["", "found", ""]);
        for row in &self.rows {
            let verdict = match row.expected == row.found {
                true => "ok".to_owned(),
                false => format!("DIFFERS: expected {}", row.expected),
            };
            table.add_row([row.what.as_str(), &row.found, &verdict]);
        }
        table
    }
}
