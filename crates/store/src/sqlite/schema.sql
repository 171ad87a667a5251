-- Key columns are what records are found by; `body` is the record as JSON. `number` is the order of arrival.

CREATE TABLE message (
    id TEXT NOT NULL PRIMARY KEY,
    site TEXT,
    received_at INTEGER NOT NULL,
    sender TEXT NOT NULL,
    control_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    raw BLOB NOT NULL,
    outcome TEXT NOT NULL,
    findings TEXT NOT NULL
) STRICT;
CREATE INDEX message_by_control ON message (sender, control_id, received_at, id);

CREATE TABLE imaging_order (
    key TEXT NOT NULL PRIMARY KEY,
    site TEXT NOT NULL,
    first_day TEXT,
    last_day TEXT,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX imaging_order_open ON imaging_order (site, last_day, first_day) WHERE first_day IS NOT NULL;
CREATE TABLE imaging_order_key (
    site TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    order_key TEXT NOT NULL,
    PRIMARY KEY (site, kind, value, order_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX imaging_order_key_of ON imaging_order_key (order_key);

CREATE TABLE patient (
    site TEXT NOT NULL,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (site, id)
) STRICT;
CREATE TABLE patient_id (
    site TEXT NOT NULL,
    id TEXT NOT NULL,
    patient TEXT NOT NULL,
    PRIMARY KEY (site, id, patient)
) STRICT, WITHOUT ROWID;
CREATE INDEX patient_id_of ON patient_id (site, patient);

CREATE TABLE instance (
    number INTEGER PRIMARY KEY,
    site TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    digest BLOB NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (site, sop_instance_uid, digest)
) STRICT;
CREATE TABLE instance_key (
    site TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    identity TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (site, kind, value, study_instance_uid, identity)
) STRICT, WITHOUT ROWID;

CREATE TABLE study (
    site TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (site, study_instance_uid)
) STRICT;

CREATE TABLE delivery (
    number INTEGER PRIMARY KEY,
    site TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    destination TEXT NOT NULL,
    digest BLOB NOT NULL,
    study_instance_uid TEXT NOT NULL,
    priority INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    state TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (site, sop_instance_uid, destination, digest)
) STRICT;
CREATE INDEX delivery_due
    ON delivery (destination, priority, queued_at, site, sop_instance_uid, digest, not_before)
    WHERE state = 'pending';
CREATE INDEX delivery_next ON delivery (destination, not_before) WHERE state = 'pending';
CREATE INDEX delivery_of_study ON delivery (site, study_instance_uid, number);
CREATE INDEX delivery_state ON delivery (destination, state);

CREATE TABLE report (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    site TEXT NOT NULL,
    order_key TEXT NOT NULL,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX report_of_order ON report (site, order_key, number);

CREATE TABLE parked (
    id TEXT NOT NULL PRIMARY KEY,
    site TEXT NOT NULL,
    parked_at INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE outbound (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    site TEXT NOT NULL,
    destination TEXT NOT NULL,
    sequence TEXT NOT NULL,
    control_id TEXT NOT NULL,
    raw BLOB NOT NULL,
    queued_at INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    state TEXT NOT NULL,
    state_body TEXT NOT NULL
) STRICT;
CREATE INDEX outbound_pending
    ON outbound (destination, site, sequence, queued_at, number, not_before)
    WHERE state = 'pending';

CREATE TABLE journal (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    site TEXT,
    subject TEXT NOT NULL,
    event TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX journal_of_subject ON journal (subject, number);
