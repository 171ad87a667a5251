-- Version 2: queues by lane and by source, breakers, the destinations that patients stay with, the journey of an
-- examination.

-- A lane is left in the order in which its deliveries may be tried, so that those that wait for a later time are never
-- looked at; one index over everything, one for the head of each source's queue.
DROP INDEX delivery_due;
DROP INDEX delivery_next;
ALTER TABLE delivery ADD COLUMN source TEXT NOT NULL DEFAULT '';
UPDATE delivery SET source = coalesce(json_extract(body, '$.source'), '') WHERE json_valid(body);
CREATE INDEX delivery_due
    ON delivery (destination, priority, not_before, queued_at, site, sop_instance_uid, digest)
    WHERE state = 'pending';
CREATE INDEX delivery_due_by_source
    ON delivery (destination, priority, site, source, not_before, queued_at, sop_instance_uid, digest)
    WHERE state = 'pending';
CREATE INDEX delivery_pending_study
    ON delivery (destination, site, study_instance_uid)
    WHERE state = 'pending';

CREATE TABLE breaker (
    destination TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;
CREATE TABLE sticky (
    site TEXT NOT NULL,
    destination_group TEXT NOT NULL,
    patient TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (site, destination_group, patient)
) STRICT, WITHOUT ROWID;
-- The study of an instance that names none is the instance itself. Rows of version 1 get these columns from their bodies
-- when this has run.
ALTER TABLE instance ADD COLUMN study_instance_uid TEXT NOT NULL DEFAULT '';
ALTER TABLE instance ADD COLUMN received_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE instance ADD COLUMN relation TEXT NOT NULL DEFAULT 'first';
CREATE INDEX instance_of_study ON instance (site, study_instance_uid, number);
CREATE INDEX instance_of_payload ON instance (digest);
CREATE INDEX instance_irregular ON instance (site, received_at, number) WHERE relation <> 'first';

-- What people search by, and the examinations it leads to. `subject` is the key of an order or the UID of a study.
CREATE TABLE journey_key (
    site TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (site, kind, value, issuer, subject_kind, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX journey_key_of ON journey_key (site, subject_kind, subject);
-- The keys of a study are written once for each head that its instances come with, not once for each instance.
CREATE TABLE journey_head (
    site TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    head TEXT NOT NULL,
    PRIMARY KEY (site, study_instance_uid, head)
) STRICT, WITHOUT ROWID;

-- Which messages made an order or a report what it is.
CREATE TABLE message_subject (
    site TEXT NOT NULL,
    subject TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (site, subject, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbound_of_sequence ON outbound (site, sequence, number);

CREATE INDEX journal_of_event ON journal (site, event, at, number);
