//! Databases that earlier versions filled.

mod power;

use std::path::Path;

use rusqlite::Connection;
use telerad_core::{PatientId, Priority, SiteId, Timestamp, Uid};
use telerad_routing::DestinationId;

use super::migration::{MIGRATIONS, Migration, migrate};
use super::{SqliteOptions, SqliteStore};
use crate::{
    Batch, Deliveries, Effect, Instances, Journal, JourneyKey, JourneySubject, Journeys, Messages,
    OutboundState, Outbox, Parking, Store,
};

/// A row in every table, as version 1 wrote them.
const ROWS: &str = r#"
INSERT INTO message VALUES ('m1', 'north', 1, 'RIS|NORTH', 'C1', 'ORM^O01', x'4d5348', '"Applied"', '[]');
INSERT INTO imaging_order VALUES ('north||A1', 'north', '20240102', '20240102', 1, '{}');
INSERT INTO imaging_order_key VALUES ('north', 'accession', 'A1', 'north||A1');
INSERT INTO patient VALUES ('north', 'P1', 1, '{}');
INSERT INTO patient_id VALUES ('north', 'P1', 'P1');
INSERT INTO instance (site, sop_instance_uid, digest, body) VALUES ('north', '1.2.3.1', x'c610e85212d0697cb161d4ba431ba603f273feee7dcb7927c9ff5d74ae6cbfa3',
'{"site":"north","sop_instance_uid":"1.2.3.1","digest":"c610e85212d0697cb161d4ba431ba603f273feee7dcb7927c9ff5d74ae6cbfa3","bytes":5,"transfer_syntax_uid":"1.2.840.10008.1.2.1","sop_class_uid":"1.2.840.10008.5.1.4.1.1.2","source":"CT1","received_at":7,"head":{"sop_class_uid":null,"sop_instance_uid":null,"study_instance_uid":"1.2.4.1","series_instance_uid":null,"patient":{"ids":[{"value":"P1","issuer":null}],"name":{"alphabetic":{"family":"DOE","given":"JANE","middle":"","prefix":"","suffix":""},"ideographic":{"family":"","given":"","middle":"","prefix":"","suffix":""},"phonetic":{"family":"","given":"","middle":"","prefix":"","suffix":""}},"birth_date":null,"sex":null},"accession":{"value":"A1","issuer":null},"modality":"CT","body_part":"","study_description":"","series_description":"","institution":"","station_name":"","study_date":"","study_time":"","referring_physician":"","study_id":"","requested_procedure_id":""},"pixel_data_offset":null,"mark":"Unmatched","relation":"First"}');
INSERT INTO instance_key VALUES ('north', 'accession', 'A1', '1.2.4.1', 'x', 1);
INSERT INTO study VALUES ('north', '1.2.4.1', 1,
'{"site":"north","study_instance_uid":"1.2.4.1","rule_set_version":"v","decided_at":7,"rules":["ct"],"destinations":["reading"],"priority":"Stat","revision":1}');
INSERT INTO delivery VALUES (1, 'north', '1.2.3.1', 'reading', x'c610e85212d0697cb161d4ba431ba603f273feee7dcb7927c9ff5d74ae6cbfa3', '1.2.4.1', 2, 7, 7, 'pending',
'{"key":{"site":"north","sop_instance_uid":"1.2.3.1","destination":"reading"},"digest":"c610e85212d0697cb161d4ba431ba603f273feee7dcb7927c9ff5d74ae6cbfa3","study_instance_uid":"1.2.4.1","sop_class_uid":"1.2.840.10008.5.1.4.1.1.2","transfer_syntax_uid":"1.2.840.10008.1.2.1","bytes":5,"source":"CT1","mark":"Unmatched","priority":"Routine","queued_at":7,"not_before":7,"attempts":0,"state":"Pending","last_fault":null}');
INSERT INTO report VALUES (1, 'r1', 'north', 'north||A1', 1, '{}');
INSERT INTO parked VALUES ('p1', 'north', 1,
'{"id":"p1","site":"north","kind":"Report","reason":"no order","evidence":"","subject":"m1","parked_at":1}');
INSERT INTO outbound VALUES (1, 'o1', 'north', 'ris', 's1', 'C2', x'4d5348', 1, 0, 0, 'pending', '"Pending"');
INSERT INTO journal VALUES (1, 1, 'north', '1.2.3.1', 'received', '');
"#;

/// A database of version 1 with something in every table.
fn filled(directory: &Path) -> (Connection, std::path::PathBuf) {
    let path = directory.join("telerad.sqlite");
    let connection = Connection::open(&path).unwrap();
    migrate(&connection, &path, &MIGRATIONS[..1]).unwrap();
    connection.execute_batch(ROWS).unwrap();
    (connection, path)
}

/// The tables, each with the number of its rows.
fn tables(connection: &Connection) -> Vec<(String, u32)> {
    let sql = "SELECT name FROM sqlite_schema
        WHERE type = 'table' AND name NOT IN ('migration') AND name NOT LIKE 'sqlite_%'
        ORDER BY name";
    let mut statement = connection.prepare(sql).unwrap();
    let names = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let count = |name: &str| {
        connection.query_row(&format!("SELECT count(*) FROM {name}"), [], |row| row.get(0)).unwrap()
    };
    names.map(Result::unwrap).map(|name| (name.clone(), count(&name))).collect()
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn what_version_1_kept_is_read_as_this_version_keeps_it() {
    let directory = tempfile::tempdir().unwrap();
    let (connection, _) = filled(directory.path());
    let before = tables(&connection);
    assert_eq!(before.len(), 13);
    assert!(before.iter().all(|(_, rows)| *rows == 1), "{before:?}");
    drop(connection);

    let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
    let (site, reading) = (SiteId::new("north").unwrap(), DestinationId::new("reading").unwrap());
    let (now, uid) = (Timestamp::from_micros(9), Uid::new("1.2.3.1").unwrap());
    block_on(async {
        let due = store.due(&reading, now, 9).await.unwrap();
        assert_eq!(due.len(), 1);
        let lanes = Priority::Stat..=Priority::Low;
        assert_eq!(store.due_by_source(&reading, lanes, now, 9).await.unwrap(), due);
        assert_eq!(store.next_due(&reading).await.unwrap(), Some(Timestamp::from_micros(7)));
        assert_eq!(store.deliveries_of(&site, &uid).await.unwrap(), due);
        let studies = store.pending_studies(&reading, None, 9).await.unwrap();
        assert_eq!(studies, [(site.clone(), "1.2.4.1".to_owned())]);
        assert_eq!(store.versions(&site, &uid).await.unwrap().len(), 1);
        assert_eq!(store.study(&site, "1.2.4.1").await.unwrap().unwrap().priority, Priority::Stat);
        let study = [JourneySubject::Study("1.2.4.1".to_owned())];
        let p1 = PatientId::new("P1", None).unwrap();
        for key in [
            JourneyKey::Accession("A1".to_owned()),
            JourneyKey::Name("doe, j".to_owned()),
            JourneyKey::Patient(p1),
            JourneyKey::Uid(uid.clone()),
        ] {
            assert_eq!(store.journey_subjects(&site, &key, 9).await.unwrap(), study, "{key:?}");
        }
        assert_eq!(store.instances_of_study(&site, "1.2.4.1").await.unwrap().len(), 1);
        assert_eq!(store.instances_of_payload(&due[0].digest).await.unwrap().len(), 1);
        let parked = store.parked(None, None, 9).await.unwrap();
        assert_eq!(parked.len(), 1);
        assert_eq!(store.parked(Some(&site), None, 9).await.unwrap(), parked);
        assert_eq!(store.parked_item(&site, "p1").await.unwrap().as_ref(), parked.first());
        assert_eq!(store.parked_about(&site, &["m1".to_owned()]).await.unwrap(), parked);
        assert_eq!(store.pending_destinations().await.unwrap(), [reading]);
        let messages = store.outbound_due("ris", now, 9).await.unwrap();
        assert_eq!(messages.len(), 1);
        assert_eq!((messages[0].priority, messages[0].unanswered), (Priority::Routine, None));
        assert_eq!(store.journal("1.2.3.1").await.unwrap().len(), 1);
        assert!(store.message("m1").await.unwrap().is_some());
        let counts = store.counts().await.unwrap();
        assert_eq!((counts.orders, counts.patients, counts.reports), (1, 1, 1));
    });
    drop(store);

    let copy = Connection::open(directory.path().join("telerad.v1.sqlite")).unwrap();
    assert_eq!(tables(&copy), before);
}

#[test]
fn a_migration_that_fails_half_way_leaves_the_old_database_usable() {
    let directory = tempfile::tempdir().unwrap();
    let (connection, path) = filled(directory.path());
    let before = tables(&connection);
    let sql = format!("{}; ALTER TABLE nothing ADD COLUMN x TEXT;", MIGRATIONS[1].sql).leak();
    let broken = Migration { sql, ..MIGRATIONS[1] };
    let error = migrate(&connection, &path, &[MIGRATIONS[0], broken]).unwrap_err();
    assert!(error.to_string().starts_with("migration to schema version 2: "), "{error}");
    assert_eq!(tables(&connection), before);
    // To the release that wrote it, it is as it was; so it is to this one.
    migrate(&connection, &path, &MIGRATIONS[..1]).unwrap();
    let due = "SELECT count(*) FROM delivery INDEXED BY delivery_due WHERE state = 'pending'";
    let due: u32 = connection.query_row(due, [], |row| row.get(0)).unwrap();
    assert_eq!(due, 1);
    migrate(&connection, &path, MIGRATIONS).unwrap();
}

/// Messages out as version 2 wrote them: two of an order that is STAT, one of an order that nobody knows, what became of
/// others.
const MESSAGES: &str = r#"
INSERT INTO imaging_order VALUES ('north||A1', 'north', '20240102', '20240102', 1, '{"order":{"priority":"Stat"}}');
INSERT INTO outbound VALUES (1, 'u1', 'north', 'ris', 'unknown', 'C1', x'4d5348', 1, 0, 0, 'pending', '"Pending"');
INSERT INTO outbound VALUES (2, 's2', 'north', 'ris', 'north||A1', 'C2', x'4d5348', 9, 0, 3, 'pending', '"Pending"');
INSERT INTO outbound VALUES (3, 's1', 'north', 'ris', 'north||A1', 'C3', x'4d5348', 5, 0, 0, 'pending', '"Pending"');
INSERT INTO outbound VALUES (4, 'd', 'north', 'ris', 'north||A1', 'C4', x'4d5348', 1, 0, 0, 'answered', '{"Answered":{"code":"AA","at":6}}');
INSERT INTO outbound VALUES (5, 'a', 'north', 'ris', 'north||A1', 'C5', x'4d5348', 1, 0, 1, 'set aside', '{"SetAside":{"reason":"answered AE"}}');
INSERT INTO outbound VALUES (6, 'l', 'north', 'other', 'late', 'C6', x'4d5348', 1, 70, 0, 'pending', '"Pending"');
"#;

#[test]
fn messages_that_version_2_queued_go_on_where_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("telerad.sqlite");
    let connection = Connection::open(&path).unwrap();
    migrate(&connection, &path, &MIGRATIONS[..2]).unwrap();
    connection.execute_batch(MESSAGES).unwrap();
    let before = tables(&connection);
    drop(connection);

    let store = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
    let at = Timestamp::from_micros;
    block_on(async {
        let due = async |to| {
            let due = store.outbound_due(to, at(9), 9).await.unwrap();
            due.into_iter().map(|message| message.id).collect::<Vec<_>>()
        };
        assert_eq!(due("ris").await, ["s1", "u1"]);
        assert!(due("other").await.is_empty());
        assert_eq!(store.next_outbound_due("other").await.unwrap(), Some(at(70)));
        assert_eq!(store.outbound_destinations().await.unwrap(), ["other", "ris"]);
        assert_eq!(store.outbound_answered("ris").await.unwrap(), Some(at(6)));
        let mut first = store.outbound("s1").await.unwrap().unwrap();
        assert_eq!((first.priority, first.attempts, first.round), (Priority::Stat, 0, 0));
        first.state = OutboundState::Answered { code: "AA".to_owned(), at: at(10) };
        store.commit(Batch::new().with(Effect::Outbound(first))).await.unwrap();
        assert_eq!(due("ris").await, ["s2", "u1"]);
        assert_eq!(store.outbound("s2").await.unwrap().unwrap().attempts, 3);
        let set_aside = store.outbound("a").await.unwrap().unwrap();
        assert!(matches!(set_aside.state, OutboundState::SetAside { .. }));
    });
    drop(store);

    let copy = Connection::open(directory.path().join("telerad.v2.sqlite")).unwrap();
    assert_eq!(tables(&copy), before);
}
