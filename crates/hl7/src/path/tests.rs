use proptest::prelude::*;

use super::{Depth, InvalidPath, Location, Path};

#[track_caller]
fn check(text: &str, expected: Result<&str, InvalidPath>) {
    let got = text.parse::<Path>().map(|path| path.to_string());
    assert_eq!(got.as_deref(), expected.as_deref(), "{text}");
}

#[test]
fn paths_have_one_canonical_form() {
    check("PID-3", Ok("PID-3"));
    check("PID-3.1", Ok("PID-3"));
    check("PID-3.1.1", Ok("PID-3"));
    check("PID.5.2", Ok("PID-5.2"));
    check("PID-5-2", Ok("PID-5.2"));
    check("PID-5-1-2", Ok("PID-5.1.2"));
    check("PID-5[2].1", Ok("PID-5(2)"));
    check("OBX[2]-5(1).2.1", Ok("OBX[2]-5.2"));
    check("OBX(3)-5(4).1.2", Ok("OBX[3]-5(4).1.2"));
    check("ZDS-1", Ok("ZDS-1"));
}

#[test]
fn the_spelling_with_letters_is_read() {
    check("PID.F5", Ok("PID-5"));
    check("PID.F5.C2", Ok("PID-5.2"));
    check("PID.F5.R2.C1.S2", Ok("PID-5(2).1.2"));
    check("PID1.F5.R2.C3", Ok("PID-5(2).3"));
    check("OBX3.F5", Ok("OBX[3]-5"));
    check("OBX3-5", Ok("OBX[3]-5"));
    check("PV1.F3", Ok("PV1-3"));
    check("PV12.F3", Ok("PV1[2]-3"));
}

#[test]
fn what_is_no_path_is_refused() {
    for text in [
        "",
        "PID",
        "PID-",
        "PID-0",
        "PI-3",
        "pid-3",
        "PID-3.",
        "PID-3.0",
        "PID0-3",
        "PID[1-3",
        "PID[1)-3",
        "PID-3(2",
        "PID-3(2].1",
        "PID-65536",
        "PID-99999999999",
        "PID-3.1.1.1",
        "PID-3 ",
        " PID-3",
        "PID--3",
        "PÏD-3",
        "1ID-3",
        "PID.R1",
        "PID.F5.S1",
        "PID.C5",
        "PID-5()",
        "/",
        "/.",
        "/PID-",
        "/PID.5",
        "/PID-0",
        "/PID-5[1]",
        "/PI*-5",
        "/PID-5-1-1-1",
        ".PID-5",
        "PID^1^3",
    ] {
        check(text, Err(InvalidPath::Spelling));
    }
}

#[test]
fn a_path_in_the_program_is_the_same_as_one_that_is_read() {
    const PATH: Path = crate::path!("OBX[2]-5(3).4.5");
    assert_eq!("OBX[2]-5(3).4.5".parse(), Ok(PATH));
    assert_eq!(
        (PATH.occurrence(), PATH.field(), PATH.repetition(), PATH.component(), PATH.subcomponent()),
        (2, 5, 3, 4, 5)
    );
    assert_eq!(crate::path!("PID.F3").in_repetition(2), crate::path!("PID-3(2)"));
}

#[test]
fn a_path_is_an_error_location_too() {
    #[track_caller]
    fn check(path: &str, expected: &str) {
        assert_eq!(path.parse().map(|path: Path| path.error_location()), Ok(expected.into()));
    }
    check("PID-3", "PID^1^3");
    check("MSH-9.2", "MSH^1^9^1^2");
    check("OBX[4]-5(2)", "OBX^4^5^2");
}

#[test]
fn a_location_keeps_how_deep_it_was_spelled() {
    #[track_caller]
    fn check(text: &str, written: &str, error_location: &str) {
        let location: Location = text.parse().expect("a location");
        assert_eq!(location.to_string(), written);
        assert_eq!(location.error_location(), error_location);
        assert_eq!(Location::from_error_location(error_location), Ok(location));
    }
    check("PID", "PID", "PID^1");
    check("OBX[4]", "OBX[4]", "OBX^4");
    check("PID-3", "PID-3", "PID^1^3");
    check("PID-3[1]", "PID-3(1)", "PID^1^3^1");
    check("MSH-9.1", "MSH-9.1", "MSH^1^9^1^1");
    check("PID.F3.R2.C4.S2", "PID-3(2).4.2", "PID^1^3^2^4^2");
    check("PID-3.4.1", "PID-3.4.1", "PID^1^3^1^4^1");
}

#[test]
fn error_locations_of_others_are_read_where_they_say_something() {
    #[track_caller]
    fn check(text: &str, expected: Result<&str, InvalidPath>) {
        let got = Location::from_error_location(text).map(|location| location.to_string());
        assert_eq!(got.as_deref(), expected.as_deref(), "{text}");
    }
    check("PID", Ok("PID"));
    check("PID^^3", Ok("PID-3"));
    check("PID^1^3^^^", Ok("PID-3"));
    check("PID^1^3^^2", Ok("PID-3.2"));
    check("", Err(InvalidPath::Spelling));
    check("PID^0^3", Err(InvalidPath::Spelling));
    check("PID^one", Err(InvalidPath::Spelling));
    check("PID^1^3^1^1^1^1", Err(InvalidPath::Spelling));
    check("OBX[2]^1", Err(InvalidPath::Spelling));
    check("pid^1", Err(InvalidPath::Spelling));
}

#[test]
fn a_place_contains_what_is_in_it() {
    #[track_caller]
    fn check(outer: &str, inner: &str, expected: bool) {
        let [outer, inner] = [outer, inner].map(|text| text.parse::<Location>().expect("a place"));
        assert_eq!(outer.contains(&inner), expected, "{outer} {inner}");
    }
    check("PID", "PID-3", true);
    check("PID-3", "PID-3", true);
    check("PID-3", "PID-3(2).4.2", true);
    check("PID-3(1)", "PID-3(2)", false);
    check("PID-3.1", "PID-3", false);
    check("PID[2]", "PID-3", false);
}

/// HAPI's Terser counts in parentheses from 0.
#[test]
fn paths_of_the_terser_are_read_where_they_mean_one_place() {
    check("/PID-5-1", Ok("PID-5"));
    check("/.PID-5-2", Ok("PID-5.2"));
    check("/.PID-5(1)-1-1", Ok("PID-5(2)"));
    check("/.PID-5(0)-1-2", Ok("PID-5.1.2"));
    check("/PID(0)-3(2)-4-2", Ok("PID-3(3).4.2"));
    check("/MSH-9-2", Ok("MSH-9.2"));
    check("/PID-5(65534)", Ok("PID-5(65535)"));
    assert_eq!(crate::path!("/.PID-5(1)-2"), crate::path!("PID-5(2).2"));
    let depths = ["/PID", "/PID-5", "/PID-5(0)", "/PID-5-1", "/PID-5-1-1"];
    let depths = depths.map(|text| text.parse().map(|location: Location| location.depth()));
    use Depth::{Component, Field, Repetition, Segment, Subcomponent};
    assert_eq!(depths, [Segment, Field, Repetition, Component, Subcomponent].map(Ok));
}

#[test]
fn the_error_says_what_was_expected() {
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let path = text.parse::<Path>().map_err(|error| error.to_string());
        assert_eq!(path, Err(expected.to_owned()));
    }
    let spelling =
        "not a path like PID-3 or OBX[2]-5(1).2.1: counting starts at 1 and ends at 65535";
    check("PID--3", spelling);
    check("/pid-3", spelling);
    let group = "a Terser path through groups depends on the structure of the message: count the segments of \
        the whole message from 1, as in OBX[2]-5";
    check("/PATIENT_RESULT/ORDER_OBSERVATION/OBSERVATION(1)/OBX-5", group);
    check("/PATIENT_RESULT/.OBX(1)-5", group);
    check("/.OBX(1)-5", group);
    let zero = "counting starts at 1, as in PID-5(1); a Terser path, which counts from 0, begins with a slash";
    check("PID-5(0)-1", zero);
    check("PID[0]-3", zero);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read(
        id in "[A-Z][A-Z0-9]{2}",
        numbers in proptest::array::uniform5(1_u16..),
        depth in 0_usize..5,
    ) {
        use Depth::{Component, Field, Repetition, Segment, Subcomponent};
        let [occurrence, field, repetition, component, subcomponent] = numbers;
        let segment = id.as_bytes().try_into().expect("three bytes");
        let path = Path { segment, occurrence, field, repetition, component, subcomponent };
        prop_assert_eq!(path.to_string().parse(), Ok(path));
        let depth = [Segment, Field, Repetition, Component, Subcomponent][depth];
        let location = Location::new(path, depth);
        prop_assert_eq!(location.to_string().parse(), Ok(location));
        prop_assert_eq!(Location::from_error_location(&location.error_location()), Ok(location));
    }

    #[test]
    fn no_text_makes_reading_panic(text in "(\\PC|[/.()0-9A-Z-]){0,20}") {
        let _ = text.parse::<Location>();
        let _ = Location::from_error_location(&text);
    }
}
