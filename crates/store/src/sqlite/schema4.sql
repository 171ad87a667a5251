-- Version 4: what messages out tell of; what waits for a person is found by what it is about, and told page by page.

-- What a message out tells of. Until now that was what it was kept in order by.
ALTER TABLE outbound ADD COLUMN subject TEXT NOT NULL DEFAULT '';
UPDATE outbound SET subject = sequence;
CREATE INDEX outbound_about ON outbound (site, subject, number);

ALTER TABLE parked ADD COLUMN subject TEXT NOT NULL DEFAULT '';
UPDATE parked SET subject = coalesce(json_extract(body, '$.subject'), '') WHERE json_valid(body);
CREATE INDEX parked_about ON parked (site, subject);
CREATE INDEX parked_by_age ON parked (parked_at, id);
CREATE INDEX parked_of_site ON parked (site, parked_at, id);

-- What modalities say they perform, found by the studies it names, by the orders it is linked with, and while it goes on.
CREATE TABLE performed_step (
    number INTEGER PRIMARY KEY,
    site TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    revision INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (site, sop_instance_uid)
) STRICT;
CREATE TABLE performed_step_key (
    site TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (site, kind, value, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX performed_step_key_of ON performed_step_key (number);
