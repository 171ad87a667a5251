-- Version 2: queues by lane and by source, breakers, and the destinations that patients stay with.

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
