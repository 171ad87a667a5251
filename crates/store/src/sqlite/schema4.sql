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
