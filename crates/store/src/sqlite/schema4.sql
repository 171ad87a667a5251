-- What a message out tells of. Until now that was what it was kept in order by.
ALTER TABLE outbound ADD COLUMN subject TEXT NOT NULL DEFAULT '';
UPDATE outbound SET subject = sequence;
CREATE INDEX outbound_about ON outbound (site, subject, number);
