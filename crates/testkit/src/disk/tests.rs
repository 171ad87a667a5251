use std::collections::BTreeSet;

use super::{Disk, Losses, Node, Refusal};
use crate::Rng;

/// What a few hundred cuts leave under a name: `None` for no such name.
fn leavings(disk: &Disk, directory: Node, name: &str) -> BTreeSet<Option<Vec<u8>>> {
    let cut = |seed| {
        let left = disk.power_cut(&mut Rng::new(seed));
        let node = left.lookup(directory, name).ok()?;
        Some(left.read(node, 0, usize::MAX).unwrap().to_vec())
    };
    (0..400).map(cut).collect()
}

fn some(contents: &[&[u8]]) -> BTreeSet<Option<Vec<u8>>> {
    contents.iter().map(|content| Some(content.to_vec())).collect()
}

/// A disk with one durable file.
fn with_file(content: &[u8]) -> (Disk, Node) {
    let mut disk = Disk::new();
    let file = disk.create_file(Disk::ROOT, "f").unwrap();
    disk.write(file, 0, content).unwrap();
    disk.sync(file);
    disk.sync(Disk::ROOT);
    (disk, file)
}

#[test]
fn what_is_synced_with_its_directory_survives_every_cut() {
    let (disk, _) = with_file(b"kept");
    assert_eq!(leavings(&disk, Disk::ROOT, "f"), some(&[b"kept"]));
    // And the next cut as well.
    let left = disk.power_cut(&mut Rng::new(3));
    assert_eq!(leavings(&left, Disk::ROOT, "f"), some(&[b"kept"]));
}

#[test]
fn a_file_without_a_synced_directory_may_have_no_name() {
    let mut disk = Disk::new();
    let file = disk.create_file(Disk::ROOT, "f").unwrap();
    disk.write(file, 0, b"kept").unwrap();
    disk.sync(file);
    assert_eq!(leavings(&disk, Disk::ROOT, "f"), [None, Some(b"kept".to_vec())].into());
}

#[test]
fn a_name_without_a_synced_file_may_lead_to_nothing() {
    let mut disk = Disk::new();
    let file = disk.create_file(Disk::ROOT, "f").unwrap();
    disk.write(file, 0, b"late").unwrap();
    disk.sync(Disk::ROOT);
    // The length may be there before the content.
    assert_eq!(leavings(&disk, Disk::ROOT, "f"), some(&[b"", b"late", b"\0\0\0\0"]));
}

#[test]
fn an_unsynced_write_is_torn_at_sectors_only() {
    let (mut disk, file) = with_file(&[1; 1024]);
    disk.write(file, 100, &[2; 800]).unwrap();
    let mixed = |first: bool, second: bool| {
        let mut content = vec![1; 1024];
        content[100..512].fill(if first { 2 } else { 1 });
        content[512..900].fill(if second { 2 } else { 1 });
        Some(content)
    };
    let expected = [mixed(false, false), mixed(false, true), mixed(true, false), mixed(true, true)];
    assert_eq!(leavings(&disk, Disk::ROOT, "f"), expected.into());
    disk.sync(file);
    assert_eq!(leavings(&disk, Disk::ROOT, "f"), [mixed(true, true)].into());
}

#[test]
fn of_several_writes_to_a_sector_any_may_be_the_last_on_disk() {
    let (mut disk, file) = with_file(b"0");
    disk.write(file, 0, b"1").unwrap();
    disk.write(file, 0, b"2").unwrap();
    assert_eq!(leavings(&disk, Disk::ROOT, "f"), some(&[b"0", b"1", b"2"]));
    assert_eq!(disk.read(file, 0, 9).unwrap(), b"2");
}

#[test]
fn a_rename_may_have_happened_to_either_name_alone() {
    let (mut disk, file) = with_file(b"x");
    let there = disk.create_directory(Disk::ROOT, "d").unwrap();
    disk.sync(Disk::ROOT);
    disk.rename((Disk::ROOT, "f"), (there, "g")).unwrap();
    assert_eq!(disk.lookup(there, "g"), Ok(file));
    let names = |disk: &Disk| {
        (0..400)
            .map(|seed| {
                let left = disk.power_cut(&mut Rng::new(seed));
                (left.lookup(Disk::ROOT, "f").is_ok(), left.lookup(there, "g").is_ok())
            })
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(names(&disk).len(), 4);
    disk.sync(there);
    assert_eq!(names(&disk), [(false, true), (true, true)].into());
    disk.sync(Disk::ROOT);
    assert_eq!(names(&disk), [(false, true)].into());
}

#[test]
fn a_failed_sync_is_not_mended_by_the_next() {
    let (mut disk, file) = with_file(b"old");
    disk.write(file, 0, b"new").unwrap();
    // A seed by which the disk keeps the old sector.
    let mut rng = (0..)
        .map(Rng::new)
        .find(|rng| {
            let mut after = disk.clone();
            after.fail_sync(file, &mut rng.clone());
            leavings(&after, Disk::ROOT, "f") == some(&[b"old"])
        })
        .unwrap();
    disk.fail_sync(file, &mut rng);
    disk.sync(file);
    assert_eq!(disk.read(file, 0, 9).unwrap(), b"new");
    assert_eq!(leavings(&disk, Disk::ROOT, "f"), some(&[b"old"]));
    // Only writing again reaches the disk again.
    disk.write(file, 0, b"new").unwrap();
    disk.sync(file);
    assert_eq!(leavings(&disk, Disk::ROOT, "f"), some(&[b"new"]));
}

#[test]
fn what_a_cut_took_is_counted() {
    let (mut disk, file) = with_file(&[1; 1024]);
    disk.write(file, 0, &[2; 1024]).unwrap();
    disk.rename((Disk::ROOT, "f"), (Disk::ROOT, "g")).unwrap();
    let worst = disk.durable();
    assert_eq!(worst.read(file, 0, 9999).unwrap(), [1; 1024]);
    assert_eq!(disk.losses(&worst), Losses { lost_names: 2, torn_files: 0 });
    let cuts = (0..400).map(|seed| {
        let Losses { lost_names, torn_files } = disk.losses(&disk.power_cut(&mut Rng::new(seed)));
        (lost_names, torn_files)
    });
    // A file without any name is not there, so that it is not torn either.
    let torn = [(0, 1), (1, 1), (2, 1)];
    let whole = [(0, 0), (1, 0), (2, 0)];
    assert_eq!(cuts.collect::<BTreeSet<_>>(), BTreeSet::from_iter([torn, whole].concat()));
    disk.sync(file);
    disk.sync(Disk::ROOT);
    assert_eq!(disk.losses(&disk.durable()), Losses::default());
}

#[test]
fn what_was_cut_off_does_not_come_back_when_the_file_grows() {
    let (mut disk, file) = with_file(&[7; 1500]);
    disk.resize(file, 10).unwrap();
    disk.resize(file, 1500).unwrap();
    let mut expected = vec![0; 1500];
    expected[..10].fill(7);
    assert_eq!(disk.read(file, 0, 9999).unwrap(), expected);
    disk.sync(file);
    assert_eq!(leavings(&disk, Disk::ROOT, "f"), some(&[&expected]));
}

#[test]
fn an_operation_that_makes_no_sense_is_refused() {
    let (mut disk, file) = with_file(b"x");
    assert_eq!(disk.create_file(Disk::ROOT, "f"), Err(Refusal::Exists));
    assert_eq!(disk.create_file(file, "g"), Err(Refusal::NotADirectory));
    assert_eq!(disk.lookup(Disk::ROOT, "g"), Err(Refusal::Missing));
    assert_eq!(disk.write(Disk::ROOT, 0, b"x"), Err(Refusal::IsDirectory));
    let directory = disk.create_directory(Disk::ROOT, "d").unwrap();
    disk.link(file, directory, "also").unwrap();
    assert_eq!(disk.remove_directory(Disk::ROOT, "d"), Err(Refusal::NotEmpty));
    assert_eq!(disk.remove_file(Disk::ROOT, "d"), Err(Refusal::IsDirectory));
    assert_eq!(disk.rename((Disk::ROOT, "f"), (Disk::ROOT, "d")), Err(Refusal::IsDirectory));
    disk.remove_file(directory, "also").unwrap();
    disk.remove_directory(Disk::ROOT, "d").unwrap();
    assert_eq!(disk.entries(Disk::ROOT).unwrap(), [("f".to_owned(), file)]);
}
