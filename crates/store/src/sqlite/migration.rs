//! Brings a database to the schema of this version, keeping what it was before.

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::row;
use crate::StoreError;
use crate::directory;

/// One schema change.
#[derive(Clone, Copy)]
pub(super) struct Migration {
    pub(super) sql: &'static str,
    /// What SQL cannot say: fills new columns and tables from the records.
    pub(super) fill: fn(&Connection) -> Result<(), StoreError>,
}

impl Migration {
    const fn of(sql: &'static str) -> Self {
        Self { sql, fill: |_| Ok(()) }
    }
}

/// Every schema change ever released, in order; the first makes an empty database version 1. An entry is never
/// edited once it was released: the checksum of its SQL is stored with every database that it has changed.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration::of(include_str!("schema.sql")),
    Migration { sql: include_str!("schema2.sql"), fill: super::journey::fill },
    Migration::of(include_str!("schema3.sql")),
    Migration::of(include_str!("schema4.sql")),
];

/// Applies what is missing, all of it or nothing. A database that holds something is copied first, beside itself.
pub(super) fn migrate(
    connection: &Connection,
    database: &Path,
    migrations: &[Migration],
) -> Result<(), StoreError> {
    let newest = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
    let refuse = |reason: String| StoreError::Migration { version: newest, reason };
    let engine = |error: rusqlite::Error| refuse(error.to_string());
    let found: u32 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(engine)?;
    if found > newest {
        return Err(refuse(format!(
            "the database is at version {found}, written by a newer release"
        )));
    }
    if found == 0 {
        let tables: u32 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(engine)?;
        if tables > 0 {
            return Err(refuse("the database belongs to another program".to_owned()));
        }
    }
    for (version, migration) in (1..=found).zip(migrations) {
        let applied: String = connection
            .query_row("SELECT checksum FROM migration WHERE version = ?1", [version], |row| {
                row.get(0)
            })
            .map_err(engine)?;
        if applied != checksum(migration.sql) {
            return Err(refuse(format!("version {version} was applied in another form")));
        }
    }
    if found == newest {
        return Ok(());
    }
    if found > 0 {
        snapshot(connection, database, found).map_err(refuse)?;
    }
    connection.execute_batch("BEGIN IMMEDIATE").map_err(engine)?;
    let changed = change(connection, found, migrations)
        .and_then(|()| connection.execute_batch("COMMIT").map_err(row::engine));
    if changed.is_err() && !connection.is_autocommit() {
        // The database is left as it was found, whatever this says: closing the connection rolls back too.
        let _ = connection.execute_batch("ROLLBACK");
    }
    changed.map_err(|error| refuse(error.to_string()))
}

fn change(connection: &Connection, found: u32, migrations: &[Migration]) -> Result<(), StoreError> {
    let sql = "CREATE TABLE IF NOT EXISTS migration (version INTEGER PRIMARY KEY, checksum TEXT NOT NULL) STRICT";
    connection.execute_batch(sql).map_err(row::engine)?;
    for (version, migration) in (1..).zip(migrations).filter(|(version, _)| *version > found) {
        connection.execute_batch(migration.sql).map_err(row::engine)?;
        (migration.fill)(connection)?;
        let sql = "INSERT INTO migration (version, checksum) VALUES (?1, ?2)";
        row::execute(connection, sql, (version, checksum(migration.sql)))?;
        connection.pragma_update(None, "user_version", version).map_err(row::engine)?;
    }
    Ok(())
}

/// A complete copy at the version it has. One that is there already is of an attempt that did not finish.
fn snapshot(connection: &Connection, database: &Path, version: u32) -> Result<(), String> {
    let unfinished = database.with_extension("snapshot.tmp");
    let text = |error: io::Error| format!("snapshot before the migration: {error}");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(text(error)),
        _ => {}
    }
    let path = unfinished.to_str().ok_or("the path of the database is not Unicode")?;
    connection
        .execute("VACUUM INTO ?1", [path])
        .map_err(|error| format!("snapshot before the migration: {error}"))?;
    fs::OpenOptions::new()
        .write(true)
        .open(&unfinished)
        .and_then(|file| file.sync_all())
        .map_err(text)?;
    fs::rename(&unfinished, database.with_extension(format!("v{version}.sqlite"))).map_err(text)?;
    directory::sync(database.parent().unwrap_or(Path::new("."))).map_err(text)
}

fn checksum(migration: &str) -> String {
    blake3::hash(migration.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rusqlite::Connection;

    use super::{Migration, migrate};

    const FIRST: Migration = Migration::of("CREATE TABLE thing (name TEXT NOT NULL) STRICT");
    const OTHER: Migration = Migration::of("CREATE TABLE thing (name TEXT) STRICT");
    const SECOND: Migration = Migration::of("ALTER TABLE thing ADD COLUMN size INTEGER");
    const BROKEN: Migration =
        Migration::of("ALTER TABLE thing ADD COLUMN colour TEXT; ALTER TABLE nothing ADD x TEXT");

    fn version(connection: &Connection) -> u32 {
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    fn open(directory: &Path) -> (Connection, std::path::PathBuf) {
        let path = directory.join("telerad.sqlite");
        (Connection::open(&path).unwrap(), path)
    }

    #[test]
    fn a_filled_database_is_copied_before_it_changes() {
        let directory = tempfile::tempdir().unwrap();
        let (connection, path) = open(directory.path());
        migrate(&connection, &path, &[FIRST]).unwrap();
        connection.execute("INSERT INTO thing (name) VALUES ('kept')", []).unwrap();
        migrate(&connection, &path, &[FIRST, SECOND]).unwrap();
        assert_eq!(version(&connection), 2);

        let before = Connection::open(directory.path().join("telerad.v1.sqlite")).unwrap();
        assert_eq!(version(&before), 1);
        let name: String =
            before.query_row("SELECT name FROM thing", [], |row| row.get(0)).unwrap();
        assert_eq!(name, "kept");
        assert!(before.prepare("SELECT size FROM thing").is_err());
    }

    #[test]
    fn an_empty_database_needs_no_copy() {
        let directory = tempfile::tempdir().unwrap();
        let (connection, path) = open(directory.path());
        migrate(&connection, &path, &[FIRST, SECOND]).unwrap();
        migrate(&connection, &path, &[FIRST, SECOND]).unwrap();
        let names = std::fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(names, 1);
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let (connection, path) = open(directory.path());
        migrate(&connection, &path, &[FIRST]).unwrap();
        let error = migrate(&connection, &path, &[FIRST, SECOND, BROKEN]).unwrap_err();
        assert!(error.to_string().starts_with("migration to schema version 3: "), "{error}");
        assert_eq!(version(&connection), 1);
        assert!(connection.prepare("SELECT size FROM thing").is_err());
        migrate(&connection, &path, &[FIRST, SECOND]).unwrap();
    }

    #[track_caller]
    fn check_refused(applied: &[Migration], known: &[Migration], expected: &str) {
        let directory = tempfile::tempdir().unwrap();
        let (connection, path) = open(directory.path());
        migrate(&connection, &path, applied).unwrap();
        assert_eq!(migrate(&connection, &path, known).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_history_that_does_not_fit_is_refused() {
        check_refused(
            &[FIRST, SECOND],
            &[FIRST],
            "migration to schema version 1: the database is at version 2, written by a newer release",
        );
        check_refused(
            &[FIRST],
            &[OTHER, SECOND],
            "migration to schema version 2: version 1 was applied in another form",
        );
    }

    #[test]
    fn a_database_of_another_program_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (connection, path) = open(directory.path());
        connection.execute_batch("CREATE TABLE theirs (x)").unwrap();
        let error = migrate(&connection, &path, &[FIRST]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "migration to schema version 1: the database belongs to another program"
        );
    }
}
