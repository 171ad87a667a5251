//! Texts of every character set, in every place of a message and between every kind of delimiter.

use proptest::prelude::*;
use telerad_charset::{CharacterSets, Charset, Separators};
use telerad_hl7::{
    BuildError, Content, EditError, EncodeError, EncodeOptions, Message, MessageBuilder,
    MessageHead, Path, Terminator, escape, path,
};

/// Names of MSH-18, characters of the sets they name, and whether a delimiter can be half of one of these.
const SETS: &[(&str, &str, bool)] = &[
    // Second bytes 5CH, 7CH, 5EH, 7EH, 40H, 60H, 7BH, 5BH among them.
    ("SHIFT-JIS", "表ソ能－ポл＿弌―申貼暴構蚕十貴欺圭予ア､a1 ", true),
    ("GB 18030-2000", "亅乛亊乗亀仺俓倈侤亄亇亹偳傝ü€😀王a1 ", true),
    ("GBK", "亅乛亊乗亀仺俓倈侤亄亇王a1 ", true),
    ("BIG-5", "功許蓋育尐閱么豹堆埔娉崤揭泜王a1 ", true),
    ("~ISO IR87", "餧山田表ソ能亜堆a1 ", true),
    ("~ISO IR87~ISO IR159", "餧山田丂丄侄a1 ", true),
    ("ISO IR14~ISO IR87", "ﾔﾏﾀﾞ餧山田a1 ", true),
    ("8859/1~KS X 1001", "éü김洪吉洞a1 ", false),
    ("KS X 1001", "김洪吉洞a1 ", false),
    ("8859/5~8859/7", "ЛюкΩωЖa1 ", false),
    ("UNICODE UTF-8", "éü김Ω表😀a1 ", false),
    // Nothing that is UTF-8 by accident.
    ("8859/15", "éüàa1 ", false),
];

fn sets(names: &str) -> CharacterSets {
    CharacterSets::from_hl7(names.split('~')).expect("known sets")
}

/// Five different delimiters, MSH-1 first: none that stands in a name of a set or in an escape sequence to one.
fn delimiters() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => Just(b"|^~\\&".to_vec()),
        2 => Just(b"|^~\\&#".to_vec()),
        2 => Just("!#%'*+,.:;<=>?@[\\]^_`{|}~&".bytes().collect::<Vec<_>>())
            .prop_shuffle()
            .prop_map(|all| all.into_iter().take(5).collect::<Vec<_>>()),
    ]
}

/// A text of the letters and delimiters.
fn texts(letters: &'static str) -> impl Strategy<Value = String> {
    let all: Vec<char> = letters.chars().chain("|^~\\&#\"\r\n@`{".chars()).collect();
    proptest::collection::vec(proptest::sample::select(all), 0..8)
        .prop_map(|letters| letters.into_iter().collect())
}

/// Facility, three texts in two repetitions, and a text for the last field.
fn cases() -> impl Strategy<Value = (usize, Vec<u8>, Vec<String>)> {
    (0..SETS.len()).prop_flat_map(|pick| {
        (Just(pick), delimiters(), proptest::collection::vec(texts(SETS[pick].1), 7))
    })
}

/// The message, whose values are encoded one by one, as a sender does that knows its sets.
fn message(names: &str, delimiters: &[u8], texts: &[String]) -> Message {
    let sets = sets(names);
    let (field, characters) = delimiters.split_first().expect("delimiters");
    let [component, repetition, _, subcomponent, ..] = *characters else { panic!("four") };
    let (field, names) = (*field, names.replace('~', &char::from(repetition).to_string()));
    let header = [&b"MSH"[..], &[field], characters, &[field]].concat();
    let declared = Message::parse([&header[..], b"A\r"].concat()).expect("a header").delimiters();
    let encode = |text: &String| {
        sets.encode(&escape::encode(text, declared), Separators::None).expect("text of the set")
    };
    let [facility, a, b, c, d, e, f] = texts else { panic!("seven") };
    let mut out = header;
    let mut put = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
    put(&[b"A", &[field], &encode(facility), &[field; 14], names.as_bytes(), b"\r"]);
    put(&[b"PID", &[field; 5], &encode(a), &[component], &encode(b), &[subcomponent], &encode(c)]);
    put(&[&[repetition], &encode(d), &[component], &encode(e), &[field], &encode(f), &[field]]);
    put(&[b"X\rPV1", &[field], b"1\r"]);
    Message::parse(out).expect("a message")
}

const PLACES: [Path; 7] = [
    path!("MSH-4"),
    path!("PID-5"),
    path!("PID-5.2"),
    path!("PID-5.2.2"),
    path!("PID-5(2)"),
    path!("PID-5(2).2"),
    path!("PID-6"),
];

fn text_at(message: &Message, path: &Path) -> String {
    message.value(path).text().unwrap_or_default().into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(600) })]

    #[test]
    fn every_text_is_read_where_it_was_written((pick, delimiters, texts) in cases()) {
        let message = message(SETS[pick].0, &delimiters, &texts);
        prop_assert_eq!(message.character_sets(), sets(SETS[pick].0), "{:?}", message.warnings());
        for (path, text) in PLACES.iter().zip(&texts) {
            prop_assert_eq!(&text_at(&message, path), text, "{}", path);
        }
        let rest = text_at(&message, &path!("PID-7"));
        prop_assert_eq!(rest.as_str(), "X");
        prop_assert_eq!(message.segments().count(), 3);
    }

    #[test]
    fn an_edit_changes_one_text_in_any_set(
        (pick, delimiters, texts) in cases(),
        place in 0..7_usize,
        other in 0..7_usize,
    ) {
        let message = message(SETS[pick].0, &delimiters, &texts);
        let mut edit = message.edit();
        edit.set(&PLACES[place], &texts[other]).expect("text of the set");
        let changed = edit.finish().expect("a message");
        for (n, path) in PLACES.iter().enumerate() {
            let expected = if n == place { &texts[other] } else { &texts[n] };
            prop_assert_eq!(&text_at(&changed, path), expected, "{}", path);
        }
        prop_assert_eq!(changed.character_sets(), message.character_sets());
    }

    #[test]
    fn a_message_goes_into_any_set_or_says_why((pick, delimiters, texts) in cases(), to in 0..NAMED.len()) {
        let message = message(SETS[pick].0, &delimiters, &texts);
        let options = EncodeOptions { charset: Some(NAMED[to]), ..EncodeOptions::default() };
        let fits = texts.iter().all(|text| CharacterSets::from(NAMED[to]).encode(text, Separators::None).is_ok());
        match message.encode_with(&options) {
            Ok(bytes) => {
                let written = Message::parse(bytes).expect("a message");
                for (path, text) in PLACES.iter().zip(&texts) {
                    prop_assert_eq!(&text_at(&written, path), text, "{}", path);
                }
            }
            Err(EncodeError::Unmappable { .. }) => prop_assert!(!fits, "{:?}", NAMED[to]),
            // Text of one set may be valid UTF-8 by accident. In MSH, before the set is known, the second byte of a
            // character may be a delimiter.
            Err(EncodeError::Altered(_)) => prop_assert!(!texts.iter().all(|text| text.is_ascii())),
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn what_is_built_reads_as_it_was_written(text in texts("éüÃ¼Â€\u{85}Жﾔ山丂김功a"), to in 0..NAMED.len()) {
        let head = MessageHead { charset: Some(NAMED[to].into()), ..MessageHead::default() };
        let built = MessageBuilder::new(head).segment("PID", |pid| pid.components(5, &["x", &text])).build();
        let fits = CharacterSets::from(NAMED[to]).encode(&text, Separators::None).is_ok();
        match built {
            Ok(message) => prop_assert_eq!(text_at(&message, &path!("PID-5.2")), text),
            Err(BuildError::Unmappable(_)) => prop_assert!(!fits, "{:?} {:?}", NAMED[to], text),
            Err(_) => prop_assert!(!text.is_ascii()),
        }
    }
}

/// Every set that MSH-18 can name.
const NAMED: &[Charset] = &[
    Charset::Ascii,
    Charset::Latin1,
    Charset::Iso8859_2,
    Charset::Iso8859_5,
    Charset::Iso8859_9,
    Charset::Iso8859_15,
    Charset::Utf8,
    Charset::Gb18030,
    Charset::Big5,
    Charset::EucKr,
    Charset::JisX0201,
    Charset::Iso2022Jp,
    Charset::JisX0212,
];

/// Latin-1 for "Ã¼" is UTF-8 for "ü", as which it would be read.
#[test]
fn a_text_that_would_be_read_in_another_set_is_refused() {
    let head = MessageHead { charset: Some(Charset::Latin1.into()), ..MessageHead::default() };
    let built = MessageBuilder::new(head).segment("PID", |pid| pid.field(5, "Ã¼")).build();
    let error = built.map(drop).map_err(|error| error.to_string());
    assert_eq!(error, Err("the text would not be read in Latin1, which it is written in".into()));

    let message = Message::parse("MSH|^~\\&||||||||||||||||8859/1\rPID|1\r").expect("a message");
    let mut edit = message.edit();
    edit.set(&path!("PID-5"), "Ã¼").expect("text of the set");
    assert_eq!(edit.finish().map(drop), Err(EditError::OtherCharset));
    edit.set(&path!("PID-6"), "é").expect("text of the set");
    let message = edit.finish().expect("no UTF-8");
    assert_eq!(text_at(&message, &path!("PID-5")), "Ã¼");
}

/// 餧 is F0H 5DH in GB18030, and 5DH delimits fields here: MSH-18 would be looked for in the wrong place.
#[test]
fn a_header_that_its_own_delimiters_would_cut_is_refused() {
    let texts = ["餧", "", "", "", "", "", ""].map(str::to_owned);
    let message = message("~ISO IR87", b"]+?_,", &texts);
    assert!(message.as_bytes().is_ascii());
    let options = EncodeOptions { charset: Some(Charset::Gb18030), ..EncodeOptions::default() };
    assert!(matches!(message.encode_with(&options), Err(EncodeError::Altered(_))));
}

/// Naming another set says how the bytes that are there are read. It does not write them anew.
#[test]
fn another_name_of_the_set_is_no_other_text() {
    let latin = b"MSH|^~\\&||||||||||||||||8859/1\rPID|1||||M\xfcller\r";
    let mut edit = Message::parse(&latin[..]).expect("a message").edit();
    edit.set(&path!("MSH-18"), "8859/15").expect("a name");
    let message = edit.finish().expect("a message");
    assert_eq!(message.charset(), Charset::Iso8859_15);
    edit.set(&path!("PID-6"), "ä").expect("text of the set");
    assert_eq!(edit.finish().map(drop), Err(EditError::OtherCharset));

    // What was read as UTF-8 all along may be called so.
    let mislabelled = "MSH|^~\\&||||||||||||||||8859/1\rPID|1||||Müller\r";
    let mut edit = Message::parse(mislabelled).expect("a message").edit();
    edit.set(&path!("MSH-18"), "UNICODE UTF-8")
        .and_then(|it| it.set(&path!("PID-6"), "山"))
        .expect("text");
    let message = edit.finish().expect("a message");
    assert_eq!(text_at(&message, &path!("PID-6")), "山");
    assert!(message.warnings().is_empty());
    // Without bytes above 7FH nothing depends on the set.
    let mut edit = Message::parse(mislabelled).expect("a message").edit();
    edit.set(&path!("PID-5"), "Muller").expect("text");
    assert!(edit.finish().is_ok());
    edit.set(&path!("MSH-18"), Content::Null).expect("text");
    assert_eq!(edit.finish().map(|message| message.warnings().len()), Ok(0));
}

/// A segment of nothing but its id, or a stray line, begins no segment behind a line feed.
#[test]
fn line_feeds_end_segments_only_where_they_are_read_so() {
    let options = |end| EncodeOptions { terminator: Some(end), ..EncodeOptions::default() };
    for text in ["MSH|^~\\&|A\rPID\rOBX|1\r", "MSH|^~\\&|A\rstray\rOBX|1\r", "MSH|^~\\&|A\rQQQ1\r"]
    {
        let message = Message::parse(text).expect("a message");
        let ids = |message: &Message| -> Vec<String> {
            message.segments().map(|segment| segment.id().to_owned()).collect()
        };
        let error = message.encode_with(&options(Terminator::LineFeed));
        assert!(matches!(error, Err(EncodeError::Edit(EditError::OtherSegments))), "{error:?}");
        let both =
            message.encode_with(&options(Terminator::CarriageReturnLineFeed)).expect("bytes");
        assert_eq!(ids(&Message::parse(both).expect("a message")), ids(&message));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn other_terminators_end_the_same_segments(
        lines in proptest::collection::vec("(PID|OBX|NTE|obx|pv1|ZZ1|QQQ| OBX|||x|LIVER)(\\|[a\n ]{0,3}){0,2}[ \t\u{1c}\u{b}]?(\r|\n|\r\n|\r\r|)", 0..6),
        end in proptest::sample::select(vec![Terminator::CarriageReturn, Terminator::CarriageReturnLineFeed, Terminator::LineFeed]),
    ) {
        let message = Message::parse(format!("MSH|^~\\&|A\r{}", lines.concat())).expect("a message");
        let options = EncodeOptions { terminator: Some(end), ..EncodeOptions::default() };
        let raw = |message: &Message| -> Vec<(String, Vec<u8>)> {
            message.segments().map(|it| (it.id().to_owned(), it.raw().to_vec())).collect()
        };
        if let Ok(bytes) = message.encode_with(&options) {
            prop_assert_eq!(raw(&Message::parse(bytes).expect("a message")), raw(&message));
        }
    }
}
