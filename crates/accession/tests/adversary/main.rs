//! Reports made to be filed wrongly: none is, and those without a fault are not parked for it.
//!
//! The same generator runs with a million reports under `benches`.

mod generator;

use generator::{Tally, World};

fn run(orders: usize, reports: usize, faults: usize, images_only: bool) -> Tally {
    let mut wrong = Vec::new();
    let mut world = World::new(orders, 20_261_124, images_only);
    let tally = world.run(reports, faults, |fault| wrong.push(fault));
    assert_eq!((tally.wrong_order, tally.wrong_patient), (0, 0), "{wrong:?}");
    tally
}

#[test]
fn no_report_goes_to_a_wrong_order_or_patient() {
    let tally = run(3_000, 12_000, 5_000, false);
    assert!(tally.with_fault > 4_500, "{tally:?}");
    // And it does not hide by parking.
    assert!(tally.clean_parked() <= 20, "{tally:?}");
}

#[test]
fn without_a_fault_nearly_every_report_is_filed() {
    let tally = run(3_000, 8_000, 0, false);
    assert!(tally.parked() <= 20, "{tally:?}");
}

#[test]
fn on_an_ordinary_day_one_in_a_hundred_is_parked_at_most() {
    // Published rates of wrong identifiers with a worklist are 0.1 to 0.5 in a hundred.
    let tally = run(3_000, 8_000, 60, false);
    assert!(tally.with_fault > 20 && tally.parked() <= 100, "{tally:?}");
}

#[test]
fn a_site_with_images_only_files_by_them() {
    let tally = run(3_000, 8_000, 0, true);
    assert!(tally.parked() <= 100, "{tally:?}");
    let tally = run(3_000, 8_000, 5_000, true);
    assert!(tally.clean_parked() <= 100, "{tally:?}");
}
