//! The HL7 crates of others beside ours, in one run: `cargo run --release` in this folder.
//!
//! Contestants of one operation take turns, so that the machine's noise hits all alike; what counts is the ratio of
//! their medians, which the targets below them are about. "Index" is what each crate's parse returns: for ours and for `hl7-v2` segments or fields, for the
//! others the whole tree.

mod frames;
mod inputs;
mod messages;
mod race;

use race::Race;

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let races: [(&str, fn() -> Vec<Race>); 6] = [
        ("small", messages::small),
        ("walk", messages::walk),
        ("pdf", messages::pdf),
        ("base64", messages::base64),
        ("edit", messages::edit),
        ("mllp", frames::decode),
    ];
    for (name, races) in races {
        if chosen.is_empty() || chosen.iter().any(|choice| choice == name) {
            races().into_iter().for_each(Race::run);
        }
    }
}
