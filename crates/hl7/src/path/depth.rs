//! Levels of a message.

/// How far down a [`Location`](super::Location) goes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Depth {
    /// The whole segment.
    Segment,
    /// The whole field.
    Field,
    /// One repetition of the field.
    Repetition,
    /// One component.
    Component,
    /// One subcomponent.
    Subcomponent,
}
