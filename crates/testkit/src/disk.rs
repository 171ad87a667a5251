//! A simulated disk: what a program has written, what it has synced, and what a power cut may leave.
//!
//! Every file and every name in a directory has a durable state, as of its last sync, and the states it was given
//! since. A power cut chooses among these, for each sector of 512 bytes, each length and each name on its own: that is
//! as much as POSIX promises of what was not synced, and less than most file systems keep. So writes are torn and
//! reordered; a file has its new length without its new content, or the reverse; a rename has happened to the one name
//! and not to the other, or to neither.
//!
//! What is promised: `fsync` of a file keeps its content and length, and not its name; `fsync` of a directory keeps the
//! names in it, and not what the files hold. A sector is old or new, never a mixture; bytes beside what was written
//! stay as they are.
//!
//! ```
//! use telerad_testkit::Rng;
//! use telerad_testkit::disk::Disk;
//!
//! let mut disk = Disk::new();
//! let file = disk.create_file(Disk::ROOT, "letter").unwrap();
//! disk.write(file, 0, b"synced").unwrap();
//! disk.sync(file);
//! // The content is safe, the name is not: some cuts leave an empty directory.
//! assert!((0..99).any(|seed| disk.power_cut(&mut Rng::new(seed)).entries(Disk::ROOT).unwrap().is_empty()));
//! ```

mod content;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::Rng;
use content::Content;

/// A file or a directory. Numbers stay the same over a power cut.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Node(pub u64);

/// Why an operation is not possible.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// There is something of this name.
    Exists,
    /// A directory where a file is needed.
    IsDirectory,
    /// Nothing of this name or number.
    Missing,
    /// A file where a directory is needed.
    NotADirectory,
    /// A directory with something in it.
    NotEmpty,
}

/// What a power cut took, in numbers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Losses {
    /// Names that lead elsewhere, or nowhere, or again to what they led to before.
    pub lost_names: usize,
    /// Files that hold neither what was last synced nor what was last written.
    pub torn_files: usize,
}

/// Files and directories in memory.
#[derive(Clone, Debug)]
pub struct Disk {
    nodes: BTreeMap<Node, Item>,
    next: u64,
}

#[derive(Clone, Debug)]
enum Item {
    Directory(BTreeMap<String, Name>),
    File(Content),
}

/// A name in a directory: what it leads to now, and what it may lead to after a cut.
#[derive(Clone, Debug, Default)]
struct Name {
    now: Option<Node>,
    durable: Option<Node>,
    /// Everything it led to since the last sync of the directory, in order.
    since: Vec<Option<Node>>,
}

impl Name {
    fn set(&mut self, to: Option<Node>) {
        self.now = to;
        self.since.push(to);
    }

    fn left_by_a_cut(&self, fate: Fate, rng: &mut Rng) -> Option<Node> {
        match fate.choose(self.since.len(), rng) {
            0 => self.durable,
            choice => self.since[choice - 1],
        }
    }
}

/// How a cut treats what was not synced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fate {
    Kept,
    Lost,
    /// Each sector, length and name on its own.
    Mixed,
}

impl Fate {
    /// Most cuts fall into the middle of something; the two extremes deserve their share.
    fn any(rng: &mut Rng) -> Self {
        match rng.below(5) {
            0 => Self::Kept,
            1 => Self::Lost,
            _ => Self::Mixed,
        }
    }

    /// Which of `changes` states after the durable one (0) is found.
    fn choose(self, changes: usize, rng: &mut Rng) -> usize {
        match self {
            Self::Kept => changes,
            Self::Lost => 0,
            Self::Mixed => usize::try_from(rng.below(changes as u64 + 1)).unwrap_or(0),
        }
    }
}

impl Disk {
    /// The directory that is always there.
    pub const ROOT: Node = Node(1);

    /// An empty disk.
    pub fn new() -> Self {
        let root = (Self::ROOT, Item::Directory(BTreeMap::new()));
        Self { nodes: BTreeMap::from([root]), next: 2 }
    }

    /// What a power cut leaves; the same numbers leave the same.
    #[must_use]
    pub fn power_cut(&self, rng: &mut Rng) -> Self {
        self.left_by_a_cut(Fate::any(rng), rng)
    }

    /// What the worst power cut leaves: what was synced, and nothing else.
    #[must_use]
    pub fn durable(&self) -> Self {
        // A cut that loses everything asks for no numbers.
        self.left_by_a_cut(Fate::Lost, &mut Rng::new(0))
    }

    /// What the cut that left `left` of this disk has taken.
    pub fn losses(&self, left: &Self) -> Losses {
        let mut losses = Losses::default();
        for (node, item) in &self.nodes {
            match (item, left.nodes.get(node)) {
                (Item::File(before), Some(Item::File(after))) => {
                    losses.torn_files += usize::from(after.is_torn(before));
                }
                (Item::Directory(before), Some(Item::Directory(after))) => {
                    let is_lost = |(name, leads): &(&String, &Name)| {
                        leads.now != after.get(*name).and_then(|leads| leads.now)
                    };
                    losses.lost_names += before.iter().filter(is_lost).count();
                }
                _ => {}
            }
        }
        losses
    }

    /// What a name leads to.
    ///
    /// # Errors
    /// [`Refusal::Missing`], [`Refusal::NotADirectory`].
    pub fn lookup(&self, directory: Node, name: &str) -> Result<Node, Refusal> {
        self.names(directory)?.get(name).and_then(|leads| leads.now).ok_or(Refusal::Missing)
    }

    /// Whether this is a directory.
    ///
    /// # Errors
    /// [`Refusal::Missing`].
    pub fn is_directory(&self, node: Node) -> Result<bool, Refusal> {
        Ok(matches!(self.item(node)?, Item::Directory(_)))
    }

    /// Every name in a directory and what it leads to.
    ///
    /// # Errors
    /// [`Refusal::Missing`], [`Refusal::NotADirectory`].
    pub fn entries(&self, directory: Node) -> Result<Vec<(String, Node)>, Refusal> {
        let names = self.names(directory)?.iter();
        Ok(names.filter_map(|(name, leads)| Some((name.clone(), leads.now?))).collect())
    }

    /// Makes an empty file.
    ///
    /// # Errors
    /// [`Refusal::Exists`], [`Refusal::NotADirectory`].
    pub fn create_file(&mut self, directory: Node, name: &str) -> Result<Node, Refusal> {
        self.create(directory, name, Item::File(Content::default()))
    }

    /// Makes an empty directory.
    ///
    /// # Errors
    /// [`Refusal::Exists`], [`Refusal::NotADirectory`].
    pub fn create_directory(&mut self, directory: Node, name: &str) -> Result<Node, Refusal> {
        self.create(directory, name, Item::Directory(BTreeMap::new()))
    }

    /// Gives a file another name beside its own.
    ///
    /// # Errors
    /// [`Refusal::Exists`], [`Refusal::IsDirectory`], [`Refusal::NotADirectory`].
    pub fn link(&mut self, file: Node, directory: Node, name: &str) -> Result<(), Refusal> {
        self.content(file)?;
        self.free_name(directory, name)?.set(Some(file));
        Ok(())
    }

    /// Removes the name of a file; who has it open keeps it.
    ///
    /// # Errors
    /// [`Refusal::Missing`], [`Refusal::IsDirectory`].
    pub fn remove_file(&mut self, directory: Node, name: &str) -> Result<(), Refusal> {
        let node = self.lookup(directory, name)?;
        if self.is_directory(node)? {
            return Err(Refusal::IsDirectory);
        }
        self.set_name(directory, name, None)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// [`Refusal::Missing`], [`Refusal::NotADirectory`], [`Refusal::NotEmpty`].
    pub fn remove_directory(&mut self, directory: Node, name: &str) -> Result<(), Refusal> {
        let node = self.lookup(directory, name)?;
        if !self.entries(node)?.is_empty() {
            return Err(Refusal::NotEmpty);
        }
        self.set_name(directory, name, None)
    }

    /// Moves a name; a file that had the new name loses it.
    ///
    /// # Errors
    /// [`Refusal::Missing`]; [`Refusal::IsDirectory`] and [`Refusal::NotEmpty`] when a directory is in the way.
    pub fn rename(
        &mut self,
        (from, old): (Node, &str),
        (to, new): (Node, &str),
    ) -> Result<(), Refusal> {
        let node = self.lookup(from, old)?;
        match self.lookup(to, new) {
            Ok(there) if there == node => return Ok(()),
            Ok(there) if self.is_directory(there)? => {
                if !self.is_directory(node)? {
                    return Err(Refusal::IsDirectory);
                }
                self.remove_directory(to, new)?;
            }
            Ok(_) | Err(Refusal::Missing) => {}
            Err(refusal) => return Err(refusal),
        }
        self.set_name(to, new, Some(node))?;
        self.set_name(from, old, None)
    }

    /// At most `length` bytes from `offset`; fewer at the end.
    ///
    /// # Errors
    /// [`Refusal::Missing`], [`Refusal::IsDirectory`].
    pub fn read(&self, file: Node, offset: usize, length: usize) -> Result<&[u8], Refusal> {
        Ok(self.content(file)?.read(offset, length))
    }

    /// How long a file is.
    ///
    /// # Errors
    /// [`Refusal::Missing`], [`Refusal::IsDirectory`].
    pub fn length(&self, file: Node) -> Result<usize, Refusal> {
        Ok(self.content(file)?.length())
    }

    /// Writes, beyond the end too.
    ///
    /// # Errors
    /// [`Refusal::Missing`], [`Refusal::IsDirectory`].
    pub fn write(&mut self, file: Node, offset: usize, bytes: &[u8]) -> Result<(), Refusal> {
        self.content_mut(file)?.write(offset, bytes);
        Ok(())
    }

    /// Cuts a file off or lengthens it with zeros.
    ///
    /// # Errors
    /// [`Refusal::Missing`], [`Refusal::IsDirectory`].
    pub fn resize(&mut self, file: Node, length: usize) -> Result<(), Refusal> {
        self.content_mut(file)?.resize(length);
        Ok(())
    }

    /// Whether a cut could take something of this file's content, or of the names in this directory.
    pub fn has_unsynced(&self, node: Node) -> bool {
        match self.nodes.get(&node) {
            Some(Item::File(content)) => content.has_unsynced(),
            Some(Item::Directory(names)) => names.values().any(|name| !name.since.is_empty()),
            None => false,
        }
    }

    /// Makes the content of a file, or the names in a directory, durable.
    pub fn sync(&mut self, node: Node) {
        match self.nodes.get_mut(&node) {
            Some(Item::File(content)) => content.sync(),
            Some(Item::Directory(names)) => names.retain(|_, name| {
                name.durable = name.now;
                name.since.clear();
                name.now.is_some()
            }),
            None => {}
        }
    }

    /// A sync that the disk did not manage. Readers go on seeing what was written; some of it is on the disk, and the
    /// rest never will be, however often a later sync succeeds, because nothing is marked as unsynced any more. Linux
    /// does so on every file system.
    pub fn fail_sync(&mut self, node: Node, rng: &mut Rng) {
        match self.nodes.get_mut(&node) {
            Some(Item::File(content)) => content.fail_sync(rng),
            Some(Item::Directory(names)) => {
                for name in names.values_mut() {
                    name.durable = name.left_by_a_cut(Fate::Mixed, rng);
                    name.since.clear();
                }
            }
            None => {}
        }
    }

    fn left_by_a_cut(&self, fate: Fate, rng: &mut Rng) -> Self {
        let mut left = Self { nodes: BTreeMap::new(), next: self.next };
        let mut to_visit = BTreeSet::from([Self::ROOT]);
        while let Some(node) = to_visit.pop_first() {
            let Some(item) = self.nodes.get(&node) else { continue };
            let item = match item {
                Item::File(content) => Item::File(content.after_a_cut(fate, rng)),
                Item::Directory(names) => {
                    let mut kept = BTreeMap::new();
                    for (name, leads) in names {
                        let Some(to) = leads.left_by_a_cut(fate, rng) else { continue };
                        if !left.nodes.contains_key(&to) && to != node {
                            to_visit.insert(to);
                        }
                        let leads = Name { now: Some(to), durable: Some(to), since: Vec::new() };
                        kept.insert(name.clone(), leads);
                    }
                    Item::Directory(kept)
                }
            };
            left.nodes.insert(node, item);
        }
        left
    }

    fn create(&mut self, directory: Node, name: &str, item: Item) -> Result<Node, Refusal> {
        let node = Node(self.next);
        self.free_name(directory, name)?.set(Some(node));
        self.nodes.insert(node, item);
        self.next += 1;
        Ok(node)
    }

    /// A name that leads nowhere.
    fn free_name(&mut self, directory: Node, name: &str) -> Result<&mut Name, Refusal> {
        let leads = self.names_mut(directory)?.entry(name.to_owned()).or_default();
        if leads.now.is_some() { Err(Refusal::Exists) } else { Ok(leads) }
    }

    fn set_name(&mut self, directory: Node, name: &str, to: Option<Node>) -> Result<(), Refusal> {
        self.names_mut(directory)?.entry(name.to_owned()).or_default().set(to);
        Ok(())
    }

    fn item(&self, node: Node) -> Result<&Item, Refusal> {
        self.nodes.get(&node).ok_or(Refusal::Missing)
    }

    fn names(&self, directory: Node) -> Result<&BTreeMap<String, Name>, Refusal> {
        match self.item(directory)? {
            Item::Directory(names) => Ok(names),
            Item::File(_) => Err(Refusal::NotADirectory),
        }
    }

    fn names_mut(&mut self, directory: Node) -> Result<&mut BTreeMap<String, Name>, Refusal> {
        match self.nodes.get_mut(&directory) {
            Some(Item::Directory(names)) => Ok(names),
            Some(Item::File(_)) => Err(Refusal::NotADirectory),
            None => Err(Refusal::Missing),
        }
    }

    fn content(&self, file: Node) -> Result<&Content, Refusal> {
        match self.item(file)? {
            Item::File(content) => Ok(content),
            Item::Directory(_) => Err(Refusal::IsDirectory),
        }
    }

    fn content_mut(&mut self, file: Node) -> Result<&mut Content, Refusal> {
        match self.nodes.get_mut(&file) {
            Some(Item::File(content)) => Ok(content),
            Some(Item::Directory(_)) => Err(Refusal::IsDirectory),
            None => Err(Refusal::Missing),
        }
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}
