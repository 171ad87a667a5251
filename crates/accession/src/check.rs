//! Whether declared rules keep a site's own numbers apart.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use telerad_core::{AccessionNumber, Issuer};

use crate::canonical::stem;
use crate::{AccessionPolicy, is_identifying};

/// The known numbers of a site, watched for two that its rules make one.
///
/// The rules are a map from what is written to what is meant. They are usable only while no two known numbers have one
/// image, and while no image is another known number as written; else a number that arrives has two readings. A decision over
/// such numbers is never a match, whatever is said here. [`add`](Self::add) tells each collision when it comes up, since
/// tomorrow's order may be the one that collides.
///
/// `Debug` prints no values.
pub struct RuleCheck<'p> {
    policy: &'p AccessionPolicy,
    /// By what the rules make of a number: the number as written.
    whole: HashMap<Numbered, String>,
    /// Every number as written, and what the rules make of it.
    written: HashMap<Numbered, String>,
    /// By what a declared cut leaves of a number: the number whole.
    stems: HashMap<Numbered, String>,
    changed: usize,
    collisions: usize,
}

/// A value with the issuer it counts under.
type Numbered = (Option<Issuer>, String);

/// Two known numbers that the rules do not keep apart.
#[derive(Clone, Eq, PartialEq)]
pub struct Collision {
    /// Known before.
    pub known: String,
    /// Collides with it.
    pub added: String,
    /// How.
    pub kind: CollisionKind,
}

/// How two numbers collide.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CollisionKind {
    /// The rules make the same of both.
    SameAfterRules,
    /// The rules make one the other as written.
    BecomesTheOther,
    /// A declared cut leaves the same of both.
    SameWhenCut,
}

impl std::fmt::Debug for Collision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Collision(<redacted>, {:?})", self.kind)
    }
}

impl<'p> RuleCheck<'p> {
    /// Nothing known yet.
    pub fn new(policy: &'p AccessionPolicy) -> Self {
        Self {
            policy,
            whole: HashMap::new(),
            written: HashMap::new(),
            stems: HashMap::new(),
            changed: 0,
            collisions: 0,
        }
    }

    /// Everything that is known, at once, with the first `max` collisions.
    pub fn of<'n>(
        policy: &'p AccessionPolicy,
        known: impl IntoIterator<Item = &'n AccessionNumber>,
        max: usize,
    ) -> (Self, Vec<Collision>) {
        let mut check = Self::new(policy);
        let found: Vec<Vec<Collision>> =
            known.into_iter().map(|number| check.add(number)).collect();
        (check, found.into_iter().flatten().take(max).collect())
    }

    /// Adds a known number and tells with what it collides. The same number under the same issuer again is nothing new.
    pub fn add(&mut self, number: &AccessionNumber) -> Vec<Collision> {
        let value = number.value();
        let issuer = self.policy.issuer_of(number).cloned();
        let key = |text: &str| (issuer.clone(), text.to_owned());
        if !is_identifying(value) || self.written.contains_key(&key(value)) {
            return Vec::new();
        }
        let whole = self.policy.whole(value, issuer.as_ref()).into_owned();
        self.changed += usize::from(whole != value);
        let collision = |known: &str, kind| Collision {
            known: known.to_owned(),
            added: value.to_owned(),
            kind,
        };
        let mut found = Vec::new();
        if let Some(known) = self.whole.get(&key(&whole)) {
            found.push(collision(known, CollisionKind::SameAfterRules));
        }
        // What the new one becomes is known as written, or it is itself what a known one becomes.
        if self.written.get(&key(&whole)).is_some_and(|others| *others != whole) {
            found.push(collision(&whole, CollisionKind::BecomesTheOther));
        }
        if let Some(known) = self.whole.get(&key(value)).filter(|_| whole != value) {
            found.push(collision(known, CollisionKind::BecomesTheOther));
        }
        if let Some(characters) = self.policy.cut(issuer.as_ref()) {
            let cut = stem(&whole, characters).unwrap_or(&whole);
            match self.stems.entry(key(cut)) {
                Entry::Occupied(known) if *known.get() != whole => {
                    found.push(collision(known.get(), CollisionKind::SameWhenCut));
                }
                Entry::Occupied(_) => {}
                Entry::Vacant(free) => {
                    free.insert(whole.clone());
                }
            }
        }
        self.whole.entry(key(&whole)).or_insert_with(|| value.to_owned());
        self.written.insert(key(value), whole);
        self.collisions += found.len();
        found
    }

    /// How many different numbers are known.
    pub fn known(&self) -> usize {
        self.written.len()
    }

    /// How many of them the rules change.
    pub fn changed(&self) -> usize {
        self.changed
    }

    /// How many collisions came up.
    pub fn collisions(&self) -> usize {
        self.collisions
    }

    /// Whether the rules keep all known numbers apart.
    pub fn is_usable(&self) -> bool {
        self.collisions == 0
    }
}

impl std::fmt::Debug for RuleCheck<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (known, changed, collisions) = (self.known(), self.changed, self.collisions);
        write!(f, "RuleCheck({known} known, {changed} changed, {collisions} collisions)")
    }
}

#[cfg(test)]
mod tests;
