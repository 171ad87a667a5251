//! The power goes at any moment of an upgrade.
//!
//! What SQLite wrote in a real upgrade is written once more to the simulated disk, up to each write in turn, and the disk
//! loses power there: of what was not synced by then it keeps what it likes, sector by sector. What it has left is then
//! opened by this version.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use telerad_testkit::Rng;
use telerad_testkit::disk::{Disk, Node};

use super::super::connect;
use super::super::migration::{MIGRATIONS, migrate};
use super::{filled, tables};

const DATABASE: &str = "telerad.sqlite";
const LOG: &str = "telerad.sqlite-wal";
const UNFINISHED: &str = "telerad.snapshot.tmp";

/// More of what grows, so that an upgrade writes many pages.
const MORE: &str = r#"
WITH RECURSIVE it (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM it WHERE n < 120)
INSERT INTO parked SELECT 'q' || n, 'north', n, json_object('subject', 's' || n, 'evidence', hex(zeroblob(200))) FROM it;
WITH RECURSIVE it (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM it WHERE n < 120)
INSERT INTO outbound SELECT n, 'q' || n, 'north', 'ris', 's' || n % 9, 'C' || n, zeroblob(300), n, 0, 0, 'pending', '"Pending"' FROM it;
WITH RECURSIVE it (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM it WHERE n < 120)
INSERT INTO journal SELECT n, n, 'north', '1.2.3.' || n, 'received', hex(zeroblob(100)) FROM it;
"#;

/// An upgrade as it was written.
struct Recorded {
    version: u32,
    /// What each table of the old version held, column by column.
    before: BTreeMap<String, Vec<String>>,
    /// The files that it found.
    found: BTreeMap<&'static str, Vec<u8>>,
    snapshot: Vec<u8>,
    /// The log when it was through, and the database when that was folded back.
    log: Vec<u8>,
    folded: Vec<u8>,
}

/// How the old version left its database.
#[derive(Clone, Copy)]
enum Left {
    Closed,
    /// With rows in the log that no database has yet, and zeros after them.
    Killed,
}

fn record(version: u32, left: Left) -> Recorded {
    let origin = tempfile::tempdir().unwrap();
    let (old, path) = filled(origin.path());
    old.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
    old.execute_batch(MORE).unwrap();
    migrate(&old, &path, &MIGRATIONS[..version as usize]).unwrap();
    let before = content(&old, &columns(&old));
    let read = |name: &str| fs::read(origin.path().join(name)).unwrap();
    let mut found = BTreeMap::new();
    match left {
        Left::Closed => drop(old),
        Left::Killed => {
            let mut log = read(LOG);
            log.resize(log.len() + (1 << 16), 0);
            found.insert(LOG, log);
        }
    }
    found.insert(DATABASE, read(DATABASE));

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(DATABASE);
    for (name, bytes) in &found {
        fs::write(directory.path().join(name), bytes).unwrap();
    }
    let read = |name: &str| fs::read(directory.path().join(name)).unwrap();
    let connection = connect(&path).unwrap();
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(())).unwrap();
    migrate(&connection, &path, MIGRATIONS).unwrap();
    assert_eq!(read(DATABASE), found[DATABASE], "written before the log was");
    let (log, snapshot) = (read(LOG), read(&format!("telerad.v{version}.sqlite")));
    connection.query_row("PRAGMA wal_checkpoint(FULL)", [], |_| Ok(())).unwrap();
    Recorded { version, before, found, snapshot, log, folded: read(DATABASE) }
}

/// The columns of every table.
fn columns(connection: &Connection) -> BTreeMap<String, Vec<String>> {
    let of = |table: &str| {
        let sql = format!("SELECT name FROM pragma_table_info('{table}')");
        let mut statement = connection.prepare(&sql).unwrap();
        let names = statement.query_map([], |row| row.get(0)).unwrap();
        names.map(Result::unwrap).collect()
    };
    tables(connection).into_iter().map(|(table, _)| (table.clone(), of(&table))).collect()
}

/// What these columns hold.
fn content(
    connection: &Connection,
    columns: &BTreeMap<String, Vec<String>>,
) -> BTreeMap<String, Vec<String>> {
    let of = |(table, columns): (&String, &Vec<String>)| {
        let quoted: Vec<_> = columns.iter().map(|column| format!("quote({column})")).collect();
        let sql = format!("SELECT {} FROM {table} ORDER BY 1", quoted.join(" || ',' || "));
        let mut statement = connection.prepare(&sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        (format!("{table}: {}", columns.join(",")), rows.map(Result::unwrap).collect())
    };
    columns.iter().map(of).collect()
}

impl Recorded {
    /// A disk with what the upgrade found, all of it synced.
    fn disk(&self) -> Disk {
        let mut disk = Disk::new();
        for (name, bytes) in &self.found {
            put(&mut disk, name, bytes);
        }
        disk.sync(Disk::ROOT);
        disk
    }

    /// The same, after the snapshot was taken.
    fn disk_with_snapshot(&self) -> Disk {
        let mut disk = self.disk();
        put(&mut disk, &self.snapshot_name(), &self.snapshot);
        disk.sync(Disk::ROOT);
        disk
    }

    fn snapshot_name(&self) -> String {
        format!("telerad.v{}.sqlite", self.version)
    }

    /// Opens what a cut has left: at one of these versions, with all rows; once it is brought to this one, with all rows
    /// still, and with a whole copy of what it was.
    fn check(&self, left: &Disk, versions: &[u32]) -> u32 {
        let directory = tempfile::tempdir().unwrap();
        for (name, file) in left.entries(Disk::ROOT).unwrap() {
            let bytes = left.read(file, 0, left.length(file).unwrap()).unwrap();
            fs::write(directory.path().join(name), bytes).unwrap();
        }
        let snapshot = directory.path().join(self.snapshot_name());
        if snapshot.exists() {
            self.check_snapshot(&snapshot);
        }
        let path = directory.path().join(DATABASE);
        let connection = Connection::open(&path).unwrap();
        // The power does not go a second time.
        connection.pragma_update(None, "synchronous", "OFF").unwrap();
        let found = version(&connection);
        assert!(versions.contains(&found), "{found} is none of {versions:?}");
        self.check_rows(&connection);
        migrate(&connection, &path, MIGRATIONS).unwrap();
        assert_eq!(version(&connection), NEWEST);
        self.check_rows(&connection);
        self.check_snapshot(&snapshot);
        assert!(!directory.path().join(UNFINISHED).exists());
        found
    }

    #[track_caller]
    fn check_rows(&self, connection: &Connection) {
        let is_sound: String =
            connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(is_sound, "ok");
        let names = self.before.keys().map(|key| key.split_once(": ").unwrap());
        let split = |names: &str| names.split(',').map(str::to_owned).collect();
        let columns = names.map(|(table, names)| (table.to_owned(), split(names))).collect();
        assert!(content(connection, &columns) == self.before, "rows are missing or changed");
    }

    #[track_caller]
    fn check_snapshot(&self, path: &Path) {
        let snapshot = Connection::open(path).unwrap();
        assert_eq!(version(&snapshot), self.version);
        self.check_rows(&snapshot);
    }
}

fn put(disk: &mut Disk, name: &str, bytes: &[u8]) -> Node {
    let file = disk.create_file(Disk::ROOT, name).unwrap();
    disk.write(file, 0, bytes).unwrap();
    disk.sync(file);
    file
}

fn version(connection: &Connection) -> u32 {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

/// What was written to get from one content to another, in the order of the file. Pieces are as long as a page, after a
/// head that is not.
fn writes<'a>(
    from: &[u8],
    to: &'a [u8],
    (head, pieces): (usize, &[usize]),
) -> Vec<(usize, &'a [u8])> {
    let mut lengths = std::iter::once(head).chain(pieces.iter().copied().cycle());
    let (mut at, mut found) = (0, Vec::new());
    while at < to.len() {
        let end = to.len().min(at + lengths.next().unwrap());
        if from.get(at..end) != Some(&to[at..end]) {
            found.push((at, &to[at..end]));
        }
        at = end;
    }
    found
}

const NEWEST: u32 = MIGRATIONS.len() as u32;
/// A head of 32 bytes, then frames of 24 bytes and a page.
const OF_LOG: (usize, &[usize]) = (32, &[24, 4096]);
const OF_PAGES: (usize, &[usize]) = (4096, &[4096]);
/// Moments of each phase at which the power goes, about.
const CUTS: usize = 12;

/// The disk after every so many of these writes, and after all of them, each time with a cut.
fn each_cut(
    disk: &Disk,
    name: &str,
    writes: &[(usize, &[u8])],
    mut check: impl FnMut(&Disk),
) -> (Disk, Node) {
    let mut disk = disk.clone();
    let file = disk.lookup(Disk::ROOT, name);
    let file = file.unwrap_or_else(|_| disk.create_file(Disk::ROOT, name).unwrap());
    for (number, (at, bytes)) in writes.iter().enumerate() {
        disk.write(file, *at, bytes).unwrap();
        if number % writes.len().div_ceil(CUTS) == 0 || number + 1 == writes.len() {
            check(&disk.power_cut(&mut Rng::new(number as u64)));
        }
    }
    (disk, file)
}

fn cut_everywhere(version: u32, left: Left) {
    let recorded = record(version, left);
    let old = [version];

    // While the snapshot is being written, and given its name.
    let pages = writes(&[], &recorded.snapshot, OF_PAGES);
    let (mut disk, file) = each_cut(&recorded.disk(), UNFINISHED, &pages, |left| {
        recorded.check(left, &old);
    });
    disk.sync(file);
    let name = recorded.snapshot_name();
    disk.rename((Disk::ROOT, UNFINISHED), (Disk::ROOT, &name)).unwrap();
    for seed in 0..4 {
        recorded.check(&disk.power_cut(&mut Rng::new(seed)), &old);
    }

    // While the log is: whole or not at all. Synced, it is whole.
    let empty = Vec::new();
    let before = recorded.found.get(LOG).unwrap_or(&empty);
    let frames = writes(before, &recorded.log, OF_LOG);
    assert!(frames.len() > 40, "{} writes", frames.len());
    let mut seen = BTreeMap::new();
    let (mut disk, file) = each_cut(&recorded.disk_with_snapshot(), LOG, &frames, |left| {
        *seen.entry(recorded.check(left, &[version, NEWEST])).or_insert(0) += 1;
    });
    assert!(seen[&version] >= CUTS / 2, "{seen:?}");
    disk.sync(file);
    disk.sync(Disk::ROOT);
    recorded.check(&disk.power_cut(&mut Rng::new(1)), &[NEWEST]);

    // While it is folded back: the log has it all.
    let pages = writes(&recorded.found[DATABASE], &recorded.folded, OF_PAGES);
    each_cut(&disk, DATABASE, &pages, |left| {
        recorded.check(left, &[NEWEST]);
    });
}

#[test]
fn a_power_cut_in_an_upgrade_of_version_1_leaves_it_old_or_new() {
    cut_everywhere(1, Left::Closed);
    cut_everywhere(1, Left::Killed);
}

#[test]
fn a_power_cut_in_an_upgrade_of_version_2_leaves_it_old_or_new() {
    cut_everywhere(2, Left::Closed);
    cut_everywhere(2, Left::Killed);
}

#[test]
fn a_power_cut_in_an_upgrade_of_version_3_leaves_it_old_or_new() {
    cut_everywhere(3, Left::Closed);
    cut_everywhere(3, Left::Killed);
}
