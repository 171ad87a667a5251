//! Message structures.

use super::Version;

/// The structure of a message: which segments it is made of.
///
/// Real messages are grouped by their anchors (see [`group`](crate::group)), not by this grammar, which is
/// ambiguous and which senders break; it says which segments must be there and which are expected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Structure {
    /// Such as `OMI_O23`.
    pub id: &'static str,
    /// The version it is of.
    pub version: Version,
    /// The grammar in the notation of the standard: `[ ]` optional, `{ }` repeating, `< | >` choice, `<NAME>( )` group.
    pub grammar: &'static str,
    /// What it is made of, in order.
    pub items: Vec<Item>,
}

/// One part of a structure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Item {
    /// One segment, or one of several.
    Segment {
        /// The ids that may stand here; one, except in a choice.
        ids: Vec<&'static str>,
        /// Whether it may be missing.
        is_optional: bool,
        /// Whether it may repeat.
        is_repeating: bool,
    },
    /// A group of segments that belong together.
    Group {
        /// Such as `PATIENT`; never on the wire.
        name: &'static str,
        /// Whether it may be missing as a whole.
        is_optional: bool,
        /// Whether it may repeat.
        is_repeating: bool,
        /// What it is made of.
        items: Vec<Item>,
    },
}

impl Structure {
    /// Whether the segment belongs into the message, in whatever place.
    pub fn contains(&self, id: &str) -> bool {
        self.items.iter().any(|item| item.contains(id))
    }

    /// The segments that have to be there but are not among `present`; choices are written `OBR|RQD|RXO`.
    ///
    /// The segments of an optional group are asked for only when the group's first segment is there.
    pub fn missing(&self, present: &[&str]) -> Vec<String> {
        let mut missing = Vec::new();
        collect(&self.items, present, &mut missing);
        missing
    }
}

impl Item {
    fn contains(&self, id: &str) -> bool {
        match self {
            Self::Segment { ids, .. } => ids.contains(&id),
            Self::Group { items, .. } => items.iter().any(|item| item.contains(id)),
        }
    }

    /// Whether the segments that open the item are there.
    fn is_begun(&self, present: &[&str]) -> bool {
        match self {
            Self::Segment { ids, .. } => ids.iter().any(|id| present.contains(id)),
            Self::Group { items, .. } => {
                // A group that opens with optional segments (ORU: `[ORC] OBR`) is there when any of them is.
                let mut opening = items.iter();
                opening
                    .by_ref()
                    .take_while(|item| item.is_optional())
                    .any(|item| item.is_begun(present))
                    || items
                        .iter()
                        .find(|item| !item.is_optional())
                        .is_some_and(|item| item.is_begun(present))
            }
        }
    }

    fn is_optional(&self) -> bool {
        match self {
            Self::Segment { is_optional, .. } | Self::Group { is_optional, .. } => *is_optional,
        }
    }
}

/// Nesting is bounded by the tables, which are ours.
fn collect(items: &[Item], present: &[&str], missing: &mut Vec<String>) {
    for item in items {
        match item {
            Item::Segment { ids, is_optional: false, .. } if !item.is_begun(present) => {
                let ids = ids.join("|");
                if !missing.contains(&ids) {
                    missing.push(ids);
                }
            }
            Item::Segment { .. } => {}
            Item::Group { items, is_optional, .. } => {
                if !is_optional || item.is_begun(present) {
                    collect(items, present, missing);
                }
            }
        }
    }
}

/// Reads the notation of the standard.
pub(super) fn items(grammar: &'static str) -> Vec<Item> {
    let mut reader = Reader { rest: grammar };
    reader.items(0)
}

struct Reader {
    rest: &'static str,
}

/// Deeper than any structure of the standard.
const DEPTH_MAX: usize = 16;

impl Reader {
    fn items(&mut self, depth: usize) -> Vec<Item> {
        let mut items = Vec::new();
        while let Some(item) = self.item(depth, false, false) {
            items.push(item);
        }
        items
    }

    fn item(&mut self, depth: usize, is_optional: bool, is_repeating: bool) -> Option<Item> {
        self.rest = self.rest.trim_start();
        if depth > DEPTH_MAX {
            return None;
        }
        if self.take("[") {
            let item = self.item(depth + 1, true, is_repeating);
            self.close("]");
            return item;
        }
        if self.take("{") {
            let item = self.item(depth + 1, is_optional, true);
            self.close("}");
            return item;
        }
        if let Some(inside) = self.rest.strip_prefix('<') {
            let (name, after) = inside.split_once('>')?;
            self.rest = after;
            if self.take("(") {
                let items = self.items(depth + 1);
                self.close(")");
                return Some(Item::Group { name, is_optional, is_repeating, items });
            }
            let ids = name.split('|').map(str::trim).collect();
            return Some(Item::Segment { ids, is_optional, is_repeating });
        }
        let id = self.rest.get(..3).filter(|id| id.bytes().all(|b| b.is_ascii_alphanumeric()))?;
        self.rest = self.rest.get(3..).unwrap_or_default();
        Some(Item::Segment { ids: vec![id], is_optional, is_repeating })
    }

    fn take(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn close(&mut self, token: &str) {
        self.rest = self.rest.trim_start();
        self.take(token);
    }
}
