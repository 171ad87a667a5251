//! Formatted text laid out as lines.

/// A formatting command of data type FT (HL7 2.5.1 section 2.7.6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Command {
    /// `\.br\`
    Break,
    /// `\.ce\`
    Centre,
    /// `\.fi\`
    Fill,
    /// `\.in<n>\`
    Indent(i16),
    /// `\.nf\`
    NoFill,
    /// `\.sk<n>\`
    Skip(u8),
    /// `\.sp<n>\`
    Space(u8),
    /// `\.ti<n>\`
    TemporaryIndent(i16),
}

/// Text that grows from left to right and top to bottom.
pub(super) struct Page {
    text: String,
    /// Spaces before every line.
    indent: i16,
    /// Spaces before the next line only.
    temporary_indent: Option<i16>,
    at_line_start: bool,
}

impl Page {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let text = String::with_capacity(bytes);
        Self { text, indent: 0, temporary_indent: None, at_line_start: true }
    }

    pub(super) fn push(&mut self, character: char) {
        self.push_str(character.encode_utf8(&mut [0; 4]));
    }

    pub(super) fn push_str(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            if self.at_line_start && line != "\n" {
                let indent = self.temporary_indent.take().unwrap_or(self.indent);
                self.spaces(indent);
            }
            self.text.push_str(line);
            self.at_line_start = line.ends_with('\n');
        }
    }

    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Break | Command::Centre => self.end_line(),
            // Lines are as long as the text makes them, so there is nothing to fill.
            Command::Fill | Command::NoFill => {}
            Command::Indent(spaces) => self.indent = spaces.max(0),
            Command::Skip(spaces) => self.push_str(&" ".repeat(usize::from(spaces))),
            Command::Space(lines) => (0..lines).for_each(|_| self.end_line()),
            Command::TemporaryIndent(spaces) => {
                self.temporary_indent = Some(self.indent.saturating_add(spaces));
            }
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn end_line(&mut self) {
        self.text.push('\n');
        self.at_line_start = true;
    }

    fn spaces(&mut self, count: i16) {
        let count = usize::try_from(count).unwrap_or(0);
        self.text.extend(std::iter::repeat_n(' ', count));
    }
}
