use super::{Comparison, Field, Scorer, patient_fields, patient_values};
use crate::samples::{claim, order};
use telerad_core::{PartialDate, Patient, PersonName, Sex};

fn patient(name: &str, birth_date: &str, sex: Sex) -> Patient {
    Patient {
        name: PersonName::from_dicom(name),
        birth_date: PartialDate::parse(birth_date).ok(),
        sex: Some(sex),
        ..Patient::default()
    }
}

fn score(one: &Patient, other: &Patient) -> f64 {
    let scorer = Scorer::untrained(&patient_fields());
    let [one, other] = [one, other].map(|patient| scorer.prepare(&patient_values(patient)));
    assert_eq!(scorer.score(&one, &other), scorer.score(&other, &one));
    scorer.score(&one, &other)
}

#[test]
fn the_more_agrees_the_higher_the_score() {
    let doe = patient("DOE^JANE", "19800102", Sex::Female);
    let scores = [
        doe.clone(),
        patient("DOE^JAYNE", "19800102", Sex::Female),
        patient("DOE^JAYNE", "19810302", Sex::Female),
        patient("ROE^JIM", "19500304", Sex::Male),
    ]
    .map(|other| score(&doe, &other));
    assert!(scores.is_sorted_by(|one, other| one > other), "{scores:?}");
    assert!(scores[0] > 0.0 && scores[3] < 0.0, "{scores:?}");
}

#[test]
fn swapped_names_and_dates_count_for_something() {
    let doe = patient("DOE^JANE", "19800102", Sex::Female);
    let swapped = patient("JANE^DOE", "19800102", Sex::Female);
    let other = patient("ROE^JIM", "19800102", Sex::Female);
    assert!(score(&doe, &swapped) > score(&doe, &other));
    let day_for_month = patient("DOE^JANE", "19800201", Sex::Female);
    let other_date = patient("DOE^JANE", "19631117", Sex::Female);
    assert!(score(&doe, &day_for_month) > score(&doe, &other_date));
}

type Rows = Vec<Vec<String>>;

/// Records of 200 people, every other one twice with a slip; half of all family names are SMITH.
fn register() -> (Rows, Rows, Vec<(usize, usize)>) {
    let row = |name: &str, given: &str, date: &str| {
        vec![name.to_owned(), given.to_owned(), date.to_owned()]
    };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for n in 0..200_usize {
        let letter = |n: usize| char::from(b'A' + (n % 26) as u8);
        let name = if n % 2 == 0 {
            "SMITH".to_owned()
        } else {
            format!(
                "{}{}{}{}",
                letter(n),
                letter(n * 7 + 3),
                letter(n * 11 + 5),
                letter(n / 26 + 9)
            )
        };
        let given = format!("{}{}{}", letter(n * 3), letter(n * 5 + 1), letter(n / 13 + 2));
        let date = format!("19{:02}{:02}{:02}", n % 90 + 10, n % 12 + 1, n % 28 + 1);
        ours.push(row(&name, &given, &date));
        let slip = if n % 4 == 0 { format!("{given}E") } else { given };
        theirs.push(row(&name, &slip, &date));
    }
    let pairs = (0..200).flat_map(|n| (0..200).map(move |m| (n, m))).collect();
    (ours, theirs, pairs)
}

fn register_fields() -> [Field; 3] {
    let similar = Field { comparison: Comparison::Similar, swapped_with: None };
    [similar, similar, Field { comparison: Comparison::Date, swapped_with: None }]
}

#[test]
fn what_was_learned_ranks_every_true_pair_before_every_false_one() {
    let (ours, theirs, pairs) = register();
    let scorer = Scorer::train(&register_fields(), &ours, &theirs, &pairs);
    let ours: Vec<_> = ours.iter().map(|record| scorer.prepare(record)).collect();
    let theirs: Vec<_> = theirs.iter().map(|record| scorer.prepare(record)).collect();
    let scored = pairs.iter().map(|(n, m)| (n == m, scorer.score(&ours[*n], &theirs[*m])));
    let (truth, chance): (Vec<_>, Vec<_>) = scored.partition(|(is_true, _)| *is_true);
    let least = truth.iter().map(|one| one.1).fold(f64::MAX, f64::min);
    let most = chance.iter().map(|one| one.1).fold(f64::MIN, f64::max);
    assert!(least > most, "{least} {most}");
}

#[test]
fn a_rare_name_weighs_more_than_a_frequent_one() {
    let (ours, theirs, pairs) = register();
    let scorer = Scorer::train(&register_fields(), &ours, &theirs, &pairs);
    let alone = |name: &str| {
        let one = scorer.prepare(&[name, "", ""]);
        scorer.score(&one, &one)
    };
    assert!(alone(&ours[1][0]) > alone("SMITH") + 3.0);
}

#[test]
fn the_queue_is_ranked_the_same_way_whatever_comes_first() {
    let mut candidates =
        [order("a 1.1 100 - - A"), order("b 1.2 200 - - B"), order("c 1.3 300 - - A*")];
    let scorer = Scorer::untrained(&patient_fields());
    let claim = claim("- 7 - - A*");
    let ranked = scorer.rank(&claim, &candidates);
    let keys: Vec<&str> = ranked.iter().map(|one| one.key.as_str()).collect();
    assert_eq!(keys, ["a", "c", "b"]);
    candidates.reverse();
    assert_eq!(scorer.rank(&claim, &candidates), ranked);
    assert!(format!("{:?} {scorer:?}", ranked[0]).starts_with("Ranked(<redacted>, "));
}

#[test]
fn no_score_files_anything() {
    // The best agreement there is, and nothing of the order side.
    let known = [order("a 1.1 100@NORTH - - A*")];
    let claimed = claim("- - - - A*");
    assert!(Scorer::untrained(&patient_fields()).rank(&claimed, &known)[0].score > 10.0);
    let decision = crate::decide(&claimed, &known, &crate::samples::policy());
    assert_eq!(decision.outcome(), "no candidate");
}
