//! The generations of the disk, and what is done to them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Instant, SystemTime};

use fuser::Errno;
use telerad_testkit::Rng;
use telerad_testkit::disk::{Disk, Losses, Node, Refusal};

use super::plan::{Fate, Kind, Plan};

/// All generations that may still be of use.
pub(super) struct State {
    generations: BTreeMap<u64, Generation>,
    present: u64,
    next: u64,
}

/// One disk, from power to power.
struct Generation {
    disk: Disk,
    /// The first of the database's log, and the first of anything else.
    failed_syncs: Vec<Failure>,
    /// Operations that failed by plan.
    faults: u64,
    has_power: bool,
    /// Of the cut that this one began with.
    losses: Losses,
    modified: HashMap<Node, SystemTime>,
    names: HashMap<Node, String>,
    operations: u64,
    plan: Plan,
    rng: Rng,
    trace: VecDeque<String>,
}

/// A sync that failed.
struct Failure {
    at: Instant,
    name: String,
    /// What was durable by then.
    durable: Disk,
}

/// What `stat` tells.
pub(super) struct Attributes {
    pub(super) inode: u64,
    pub(super) is_directory: bool,
    pub(super) length: u64,
    pub(super) modified: SystemTime,
}

impl State {
    pub(super) fn new() -> Self {
        let mut state = Self { generations: BTreeMap::new(), present: 0, next: 1 };
        state.renew();
        state
    }

    pub(super) fn arm(&mut self, plan: Plan) {
        let generation = self.now_mut();
        generation.plan = plan;
        generation.operations = 0;
    }

    pub(super) fn has_power(&self) -> bool {
        self.now().has_power
    }

    pub(super) fn cut(&mut self) {
        self.now_mut().has_power = false;
    }

    pub(super) fn revive(&mut self, rng: &mut Rng) -> u64 {
        let disk = self.now().disk.power_cut(rng);
        let losses = self.now().disk.losses(&disk);
        let (modified, names) = (self.now().modified.clone(), self.now().names.clone());
        let left = Generation { losses, modified, names, ..Generation::new(disk, rng.next_u64()) };
        self.present = self.add(left);
        self.present
    }

    pub(super) fn renew(&mut self) -> u64 {
        let number = self.next;
        self.present = self.add(Generation::new(Disk::new(), number));
        self.present
    }

    pub(super) fn copy(&mut self) -> u64 {
        let number = self.next;
        let disk = self.now().disk.clone();
        let names = self.now().names.clone();
        self.add(Generation { names, ..Generation::new(disk, number) })
    }

    /// Of the syncs that failed: how many microseconds ago, of what, and the number of a copy of what was durable then.
    pub(super) fn failed_syncs(&mut self) -> String {
        let failures = std::mem::take(&mut self.now_mut().failed_syncs);
        let names = self.now().names.clone();
        let mut told = Vec::new();
        for Failure { at, name, durable } in failures {
            let ago = at.elapsed().as_micros();
            let number = self.next;
            let copy = Generation { names: names.clone(), ..Generation::new(durable, number) };
            told.push(format!("{ago} {name} {}", self.add(copy)));
        }
        told.join("\t")
    }

    /// How many operations failed by plan in the present generation, and what its cut tore and lost.
    pub(super) fn losses(&self) -> String {
        let Generation { faults, losses, .. } = self.now();
        format!("{faults} {} {}", losses.torn_files, losses.lost_names)
    }

    pub(super) fn trace(&self) -> String {
        self.now().trace.iter().fold(String::new(), |text, line| text + line + "\t")
    }

    /// Where the kernel begins: the folder of all generations is no part of any disk.
    pub(super) fn root_of(&self, generation: u64) -> Result<Attributes, Errno> {
        self.generations.contains_key(&generation).then_some(()).ok_or(Errno::ENOENT)?;
        self.attributes(inode(generation, Disk::ROOT))
    }

    pub(super) fn attributes(&self, number: u64) -> Result<Attributes, Errno> {
        let (generation, node) = self.place(number)?;
        let is_directory = generation.disk.is_directory(node).map_err(errno)?;
        let length = if is_directory { 0 } else { generation.disk.length(node).map_err(errno)? };
        let modified = generation.modified.get(&node).copied().unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(Attributes { inode: number, is_directory, length: length as u64, modified })
    }

    pub(super) fn lookup(&self, parent: u64, name: &str) -> Result<Attributes, Errno> {
        let (generation, directory) = self.place(parent)?;
        let node = generation.disk.lookup(directory, name).map_err(errno)?;
        self.attributes(beside(parent, node))
    }

    pub(super) fn entries(&self, number: u64) -> Result<Vec<(String, Attributes)>, Errno> {
        let (generation, directory) = self.place(number)?;
        let entries = generation.disk.entries(directory).map_err(errno)?;
        entries
            .into_iter()
            .map(|(name, node)| Ok((name, self.attributes(beside(number, node))?)))
            .collect()
    }

    /// Whether a file is one that is mapped into memory, and left alone.
    pub(super) fn is_mapped(&self, number: u64) -> bool {
        self.place(number).is_ok_and(|(generation, node)| generation.is_mapped(node))
    }

    /// Whether there is room for more.
    pub(super) fn is_full(&self, number: u64) -> bool {
        self.place(number).is_ok_and(|(it, _)| it.plan.is_full(it.operations))
    }

    pub(super) fn read(&mut self, number: u64, offset: u64, size: u32) -> Result<Vec<u8>, Errno> {
        let (generation, node) = self.place_mut(number)?;
        // A mapping must stay readable to the end, or whoever looks at it is killed by a signal.
        if !generation.is_mapped(node) {
            if !generation.has_power {
                return Err(Errno::EIO);
            }
            if generation.plan.fails_to_read(generation.operations) {
                generation.faults += 1;
                let line = format!("       Read {}: failed", generation.name(node));
                generation.trace.push_back(line);
                return Err(Errno::EIO);
            }
        }
        let offset = usize::try_from(offset).map_err(|_| Errno::EINVAL)?;
        let bytes = generation.disk.read(node, offset, size as usize).map_err(errno)?;
        Ok(bytes.to_vec())
    }

    pub(super) fn write(&mut self, number: u64, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
        let (generation, node) = self.place_mut(number)?;
        let offset = usize::try_from(offset).map_err(|_| Errno::EINVAL)?;
        generation.modified.insert(node, SystemTime::now());
        generation.change(node, Kind::Write, |disk| disk.write(node, offset, bytes))
    }

    pub(super) fn resize(&mut self, number: u64, length: u64) -> Result<(), Errno> {
        let (generation, node) = self.place_mut(number)?;
        let length = usize::try_from(length).map_err(|_| Errno::EINVAL)?;
        generation.modified.insert(node, SystemTime::now());
        generation.change(node, Kind::Resize, |disk| disk.resize(node, length))
    }

    pub(super) fn sync(&mut self, number: u64) -> Result<(), Errno> {
        let (generation, node) = self.place_mut(number)?;
        generation.change(node, Kind::Sync, |disk| {
            disk.sync(node);
            Ok(())
        })
    }

    pub(super) fn create(
        &mut self,
        parent: u64,
        name: &str,
        is_directory: bool,
    ) -> Result<Attributes, Errno> {
        let (generation, directory) = self.place_mut(parent)?;
        let make = |disk: &mut Disk| {
            if is_directory {
                disk.create_directory(directory, name)
            } else {
                disk.create_file(directory, name)
            }
        };
        let node = if is_mapped(name) {
            make(&mut generation.disk).map_err(errno)?
        } else {
            generation.change(directory, Kind::Create, make)?
        };
        generation.names.insert(node, name.to_owned());
        generation.modified.insert(node, SystemTime::now());
        self.attributes(beside(parent, node))
    }

    pub(super) fn link(
        &mut self,
        number: u64,
        parent: u64,
        name: &str,
    ) -> Result<Attributes, Errno> {
        let (_, node) = self.place(number)?;
        let (generation, directory) = self.place_mut(parent)?;
        generation.change(directory, Kind::Create, |disk| disk.link(node, directory, name))?;
        self.attributes(number)
    }

    pub(super) fn remove(&mut self, parent: u64, name: &str, file: bool) -> Result<(), Errno> {
        let (generation, directory) = self.place_mut(parent)?;
        let remove = |disk: &mut Disk| match file {
            true => disk.remove_file(directory, name),
            false => disk.remove_directory(directory, name),
        };
        if is_mapped(name) {
            return remove(&mut generation.disk).map_err(errno);
        }
        generation.change(directory, Kind::Remove, remove)
    }

    pub(super) fn rename(&mut self, from: (u64, &str), to: (u64, &str)) -> Result<(), Errno> {
        let (_, target) = self.place(to.0)?;
        let (generation, source) = self.place_mut(from.0)?;
        let node = generation.disk.lookup(source, from.1).map_err(errno)?;
        generation
            .change(node, Kind::Rename, |disk| disk.rename((source, from.1), (target, to.1)))?;
        generation.names.insert(node, to.1.to_owned());
        Ok(())
    }

    fn add(&mut self, generation: Generation) -> u64 {
        let number = self.next;
        self.next += 1;
        self.generations.insert(number, generation);
        // Whoever still has a file of an older one open has been dropped long ago.
        while self.generations.len() > GENERATIONS_MAX {
            self.generations.pop_first();
        }
        number
    }

    fn now(&self) -> &Generation {
        self.generations.get(&self.present).expect("the present generation is the last but a copy")
    }

    fn now_mut(&mut self) -> &mut Generation {
        self.generations
            .get_mut(&self.present)
            .expect("the present generation is the last but a copy")
    }

    fn place(&self, number: u64) -> Result<(&Generation, Node), Errno> {
        let (generation, node) = parts(number);
        Ok((self.generations.get(&generation).ok_or(Errno::EIO)?, node))
    }

    fn place_mut(&mut self, number: u64) -> Result<(&mut Generation, Node), Errno> {
        let (generation, node) = parts(number);
        Ok((self.generations.get_mut(&generation).ok_or(Errno::EIO)?, node))
    }
}

impl Generation {
    fn new(disk: Disk, seed: u64) -> Self {
        Self {
            disk,
            failed_syncs: Vec::new(),
            faults: 0,
            has_power: true,
            losses: Losses::default(),
            modified: HashMap::new(),
            names: HashMap::new(),
            operations: 0,
            plan: Plan::default(),
            rng: Rng::new(seed),
            trace: VecDeque::new(),
        }
    }

    fn is_mapped(&self, node: Node) -> bool {
        self.names.get(&node).is_some_and(|name| is_mapped(name))
    }

    /// Carries out what changes `node`, or what the plan has for it.
    fn change<T>(
        &mut self,
        node: Node,
        kind: Kind,
        change: impl FnOnce(&mut Disk) -> Result<T, Refusal>,
    ) -> Result<T, Errno> {
        if self.is_mapped(node) {
            return change(&mut self.disk).map_err(errno);
        }
        if !self.has_power {
            return Err(Errno::EIO);
        }
        self.operations += 1;
        let number = self.operations;
        let fate = self.plan.fate(number, kind, self.disk.has_unsynced(node));
        match fate {
            Fate::Done => {
                let done = change(&mut self.disk);
                let outcome = if done.is_ok() { "done" } else { "refused" };
                self.note(number, kind, node, outcome);
                done.map_err(errno)
            }
            Fate::Broken => {
                self.faults += 1;
                self.note(number, kind, node, "broken");
                Err(Errno::EIO)
            }
            Fate::Full => {
                self.faults += 1;
                self.note(number, kind, node, "no space");
                Err(Errno::ENOSPC)
            }
            Fate::SyncLost => {
                let name = self.name(node).to_owned();
                let is_first =
                    !self.failed_syncs.iter().any(|it| is_log(&it.name) == is_log(&name));
                if is_first {
                    let durable = self.disk.durable();
                    self.failed_syncs.push(Failure { at: Instant::now(), name, durable });
                }
                self.faults += 1;
                self.disk.fail_sync(node, &mut self.rng);
                self.note(number, kind, node, "failed, its writes are partly lost");
                Err(Errno::EIO)
            }
            Fate::Cut => {
                // The program never learns whether its last operation reached the disk's memory.
                let is_carried_out = self.rng.below(2) == 0;
                if is_carried_out {
                    let _ = change(&mut self.disk);
                }
                let outcome = if is_carried_out { "done, then cut" } else { "cut" };
                self.note(number, kind, node, outcome);
                self.has_power = false;
                Err(Errno::EIO)
            }
        }
    }

    fn name(&self, node: Node) -> &str {
        let unknown = if node == Disk::ROOT { "/" } else { "?" };
        self.names.get(&node).map_or(unknown, String::as_str)
    }

    fn note(&mut self, number: u64, kind: Kind, node: Node, outcome: &str) {
        if self.trace.len() >= TRACE_LINES_MAX {
            self.trace.pop_front();
        }
        let line = format!("{number:>6} {kind:?} {}: {outcome}", self.name(node));
        self.trace.push_back(line);
    }
}

/// SQLite's index of the write-ahead log.
fn is_mapped(name: &str) -> bool {
    name.ends_with("-shm")
}

/// SQLite's write-ahead log.
fn is_log(name: &str) -> bool {
    name.ends_with("-wal")
}

fn inode(generation: u64, node: Node) -> u64 {
    generation << NODE_BITS | node.0
}

fn parts(number: u64) -> (u64, Node) {
    (number >> NODE_BITS, Node(number & ((1 << NODE_BITS) - 1)))
}

/// The inode of a node of the same generation.
fn beside(number: u64, node: Node) -> u64 {
    inode(parts(number).0, node)
}

fn errno(refusal: Refusal) -> Errno {
    match refusal {
        Refusal::Exists => Errno::EEXIST,
        Refusal::IsDirectory => Errno::EISDIR,
        Refusal::Missing => Errno::ENOENT,
        Refusal::NotADirectory => Errno::ENOTDIR,
        Refusal::NotEmpty => Errno::ENOTEMPTY,
    }
}

/// The present one, the one before whose owner is being dropped, a copy of each, and of what was durable at two failed
/// syncs.
const GENERATIONS_MAX: usize = 6;
const NODE_BITS: u32 = 32;
const TRACE_LINES_MAX: usize = 400;
