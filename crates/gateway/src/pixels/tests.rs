use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use telerad_codec::{Shape, rle};
use telerad_core::{AeTitle, SiteId, Timestamp, Uid};
use telerad_dicom::{InstanceHead, Tag, tags, uids};
use telerad_net::{BoxFuture, Clock};
use telerad_routing::{InstanceRecord, Relation, StudyMark};

use super::compare;
use crate::house::{self, DESTINATIONS, run};
use crate::state::State;

/// One picture of 41 columns, 29 rows and 12 bits, as DCMTK and OpenJPEG code it.
const CODED: [(&str, &[u8]); 5] = [
    (uids::RLE_LOSSLESS, include_bytes!("../../../codec/tests/samples/gray12.rle")),
    (uids::JPEG_LOSSLESS_SV1, include_bytes!("../../../codec/tests/samples/gray12_sv1.jpg")),
    (uids::JPEG_LOSSLESS, include_bytes!("../../../codec/tests/samples/gray12_sv4.jpg")),
    (uids::JPEG_LS_LOSSLESS, include_bytes!("../../../codec/tests/samples/gray12.jls")),
    (uids::JPEG_2000_LOSSLESS, include_bytes!("../../../codec/tests/samples/gray12.j2k")),
];
const LOSSY: &[u8] = include_bytes!("../../../codec/tests/samples/gray12_lossy.j2k");
const NATIVE: [&str; 3] = [
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
    uids::EXPLICIT_VR_BIG_ENDIAN,
];
const INTERCEPT: Tag = Tag(0x0028, 0x1052);

fn picture() -> Vec<u16> {
    let shape = Shape { components: 1, height: 29, width: 41 };
    rle::decode(CODED[0].1, shape, 2).unwrap().samples
}

/// A version of an instance: how its elements are written, and its pixels.
#[derive(Clone)]
struct Version {
    syntax: &'static str,
    intercept: &'static str,
    photometric: &'static str,
    pixels: Pixels,
}

#[derive(Clone)]
enum Pixels {
    Fragment(Vec<u8>),
    Samples(Vec<u16>),
}

impl Version {
    fn coded(syntax: &'static str, coded: &[u8]) -> Self {
        let mut fragment = coded.to_vec();
        if fragment.len() % 2 == 1 {
            fragment.push(0);
        }
        let pixels = Pixels::Fragment(fragment);
        Self { syntax, intercept: "-1024", photometric: "MONOCHROME2", pixels }
    }

    fn native(syntax: &'static str, samples: Vec<u16>) -> Self {
        let pixels = Pixels::Samples(samples);
        Self { syntax, intercept: "-1024", photometric: "MONOCHROME2", pixels }
    }

    fn data_set(&self) -> Vec<u8> {
        let (explicit, big) = match self.syntax {
            uids::IMPLICIT_VR_LITTLE_ENDIAN => (false, false),
            uids::EXPLICIT_VR_BIG_ENDIAN => (true, true),
            _ => (true, false),
        };
        let short = |number: u16| if big { number.to_be_bytes() } else { number.to_le_bytes() };
        let long = |number: u32| if big { number.to_be_bytes() } else { number.to_le_bytes() };
        let element = |tag: Tag, vr: &[u8], value: &[u8], length: Option<u32>| {
            let length =
                length.unwrap_or_else(|| u32::try_from(value.len()).expect("short enough"));
            let mut bytes = [short(tag.0), short(tag.1)].concat();
            match (explicit, vr) {
                (false, _) => bytes.extend(long(length)),
                (true, b"OW" | b"OB") => {
                    bytes.extend([vr, &[0, 0]].concat());
                    bytes.extend(long(length));
                }
                (true, _) => {
                    bytes.extend(vr);
                    bytes.extend(short(u16::try_from(length).expect("short")));
                }
            }
            bytes.extend(value);
            bytes
        };
        let number = |tag: Tag, number: u16| element(tag, b"US", &short(number), None);
        let text = |tag: Tag, vr: &[u8], text: &str| {
            let even = if text.len() % 2 == 1 { " " } else { "" };
            element(tag, vr, format!("{text}{even}").as_bytes(), None)
        };
        let mut bytes = [
            number(tags::SAMPLES_PER_PIXEL, 1),
            text(tags::PHOTOMETRIC_INTERPRETATION, b"CS", self.photometric),
            number(tags::ROWS, 29),
            number(tags::COLUMNS, 41),
            number(tags::BITS_ALLOCATED, 16),
            number(tags::BITS_STORED, 12),
            number(tags::HIGH_BIT, 11),
            number(tags::PIXEL_REPRESENTATION, 0),
            text(INTERCEPT, b"DS", self.intercept),
        ]
        .concat();
        bytes.extend(match &self.pixels {
            Pixels::Samples(samples) => {
                let value: Vec<u8> = samples.iter().flat_map(|it| short(*it)).collect();
                element(tags::PIXEL_DATA, b"OW", &value, None)
            }
            Pixels::Fragment(fragment) => {
                let mut value = b"\xFE\xFF\x00\xE0\0\0\0\0\xFE\xFF\x00\xE0".to_vec();
                value.extend(u32::try_from(fragment.len()).expect("short").to_le_bytes());
                value.extend(fragment);
                value.extend(b"\xFE\xFF\xDD\xE0\0\0\0\0");
                element(tags::PIXEL_DATA, b"OB", &value, Some(u32::MAX))
            }
        });
        bytes
    }

    /// Keeps the version and returns its record.
    async fn spool(&self, state: &State) -> InstanceRecord {
        let mut writer = state.environment.payloads.create();
        let bytes = self.data_set();
        let find = |wanted: &[u8]| bytes.windows(4).position(|four| four == wanted);
        let offset = find(b"\xE0\x7F\x10\x00").or_else(|| find(b"\x7F\xE0\x00\x10"));
        writer.write(bytes.clone().into()).await.unwrap();
        let payload = writer.finish().await.unwrap().stored;
        InstanceRecord {
            site: SiteId::new("north").unwrap(),
            digest: payload.digest,
            sop_instance_uid: Uid::new("1.2.3.4").unwrap(),
            bytes: payload.bytes,
            transfer_syntax_uid: self.syntax.to_owned(),
            sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
            source: AeTitle::new("CT1").unwrap(),
            received_at: state.now(),
            head: InstanceHead::default(),
            pixel_data_offset: offset.map(|offset| offset as u64),
            mark: StudyMark::Unmatched,
            relation: Relation::First,
        }
    }
}

/// What is found, and why nothing is where that is so.
async fn compared(state: &State, new: &Version, old: &Version) -> (Option<bool>, Option<String>) {
    let (new, old) = (new.spool(state).await, old.spool(state).await);
    let comparison = compare(state, &new, std::slice::from_ref(&old)).await;
    (comparison.same_as(&old), comparison.unknown().map(str::to_owned))
}

#[track_caller]
fn check(new: &Version, old: &Version, expected: Option<bool>, cause: Option<&str>) {
    let what = format!("{} after {}", new.syntax, old.syntax);
    run(async {
        let state = house::state(DESTINATIONS);
        let (found, why) = compared(&state, new, old).await;
        assert_eq!((found, why.as_deref()), (expected, cause), "{what}");
    });
}

fn all() -> Vec<Version> {
    let native = NATIVE.into_iter().map(|syntax| Version::native(syntax, picture()));
    native.chain(CODED.map(|(syntax, coded)| Version::coded(syntax, coded))).collect()
}

#[test]
fn one_picture_is_the_same_in_every_transfer_syntax() {
    for new in all() {
        for old in all().iter().filter(|old| old.syntax != new.syntax) {
            check(&new, old, Some(true), None);
        }
    }
}

#[test]
fn one_other_sample_makes_another_picture_in_every_transfer_syntax() {
    let mut other = picture();
    other[700] ^= 1;
    for syntax in NATIVE {
        let other = Version::native(syntax, other.clone());
        for version in all() {
            check(&version, &other, Some(false), None);
        }
    }
}

#[test]
fn what_was_lost_in_compression_makes_another_picture() {
    let lossy = Version::coded(uids::JPEG_2000, LOSSY);
    check(&lossy, &Version::native(NATIVE[0], picture()), Some(false), None);
}

#[test]
fn the_same_samples_with_another_meaning_are_another_picture() {
    for version in all() {
        let moved = Version { intercept: "0", ..version.clone() };
        check(&moved, &version, Some(false), None);
        let respelled = Version { intercept: "-1024.0", ..version.clone() };
        check(&respelled, &version, Some(true), None);
    }
}

#[test]
fn what_is_not_certain_is_said_to_be_unknown() {
    let native = Version::native(NATIVE[0], picture());
    let inverse = Version { photometric: "MONOCHROME1", ..Version::coded(CODED[4].0, CODED[4].1) };
    let cause = "samples of different photometric interpretation mean the same only by convention";
    check(&inverse, &native, None, Some(cause));
    let unread = Version::coded(uids::HTJ2K_LOSSLESS, CODED[4].1);
    let cause = "the pixels of transfer syntax 1.2.840.10008.1.2.4.201 are not read";
    check(&unread, &native, None, Some(cause));
    let cut = Version::coded(CODED[4].0, &CODED[4].1[..900]);
    check(&cut, &native, None, Some("coded image ends early"));
    let mut overlay = picture();
    overlay[0] |= 0x8000;
    let overlay = Version::native(NATIVE[1], overlay);
    let cause = "layout of the pixel data is not supported";
    check(&overlay, &Version::coded(CODED[0].0, CODED[0].1), None, Some(cause));
}

#[test]
fn the_same_frames_need_no_decoder() {
    for syntax in [uids::HTJ2K_LOSSLESS, uids::JPEG_BASELINE, "1.2.3.4.5"] {
        let old = Version::coded(syntax, b"whatever");
        let new = Version { intercept: "-1024.0", ..old.clone() };
        check(&new, &old, Some(true), None);
    }
}

#[test]
fn nothing_is_read_for_a_first_or_repeated_version() {
    run(async {
        let state = house::state(DESTINATIONS);
        let version = Version::native(NATIVE[0], picture());
        let mut record = version.spool(&state).await;
        let payloads = &state.environment.payloads;
        let claim = payloads.claim(&record.digest).unwrap();
        assert!(payloads.remove(claim).await.unwrap());
        // Both would say so if they had wanted to read what is gone.
        assert_eq!(compare(&state, &record, &[]).await.unknown(), None);
        assert_eq!(compare(&state, &record, std::slice::from_ref(&record)).await.unknown(), None);
        let old = record.clone();
        record.digest = telerad_routing::Digest::of(b"another");
        let comparison = compare(&state, &record, std::slice::from_ref(&old)).await;
        assert_eq!(comparison.same_as(&old), None);
        assert!(comparison.unknown().is_some());
    });
}

#[test]
fn a_decoder_that_panics_leaves_the_answer_unknown() {
    run(async {
        let permit = permit(&house::state(DESTINATIONS)).await;
        let found = super::on_a_worker::<()>(&permit, || panic!("as a decoder might")).await;
        assert_eq!(found.unwrap_err().to_string(), "the decoder failed");
        assert!(super::on_a_worker(&permit, || Ok(true)).await.unwrap());
    });
}

async fn permit(state: &State) -> super::Permit {
    let permit = Arc::clone(&state.comparisons).acquire_owned().await.unwrap();
    Arc::new(super::Place { _permit: permit, spawn: Arc::clone(&state.environment.spawn) })
}

#[test]
fn nothing_is_computed_on_the_thread_that_serves_peers() {
    run(async {
        let permit = permit(&house::state(DESTINATIONS)).await;
        let serving = std::thread::current().id();
        let computing = super::on_a_worker(&permit, || Ok(std::thread::current().id())).await;
        assert_ne!(computing.unwrap(), serving);
    });
}

/// A clock on which every wait is over as soon as anything else has to be waited for, and that knows how long it was
/// to be.
struct Hurried {
    start: Instant,
    asked: Mutex<Vec<Duration>>,
}

fn hurry(state: &mut State) -> Arc<Hurried> {
    let start = state.environment.clock.now();
    let clock = Arc::new(Hurried { start, asked: Mutex::default() });
    state.environment.clock = clock.clone();
    clock
}

impl Clock for Hurried {
    fn now(&self) -> Instant {
        self.start
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_micros(0)
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        self.asked.lock().unwrap().push(deadline - self.start);
        Box::pin(std::future::ready(()))
    }
}

#[test]
fn what_takes_longer_than_a_sender_can_wait_is_unknown() {
    run(async {
        let mut state = house::state(DESTINATIONS);
        let clock = hurry(&mut state);
        let (new, old) = (all().remove(0), all().pop().unwrap());
        let (found, cause) = compared(&state, &new, &old).await;
        let expected = (None, Some("it would take longer than a sender can wait"));
        assert_eq!((found, cause.as_deref()), expected);
        assert_eq!(*clock.asked.lock().unwrap(), [Duration::from_secs(15)]);
        // What a worker still did gives its place back.
        drop(state.comparisons.acquire_many(2).await.unwrap());
    });
}

#[test]
fn waiting_for_a_turn_counts_as_well() {
    run(async {
        let mut state = house::state(DESTINATIONS);
        hurry(&mut state);
        let _others = Arc::clone(&state.comparisons).acquire_many_owned(2).await.unwrap();
        let (found, cause) = compared(&state, &all()[0], &all()[1]).await;
        assert_eq!((found, cause.is_some()), (None, true));
    });
}
