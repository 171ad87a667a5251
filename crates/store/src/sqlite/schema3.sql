-- Version 3: messages out in lanes, with their tries without an answer, at the cost of the messages that go next.

-- Whatever was queued goes as urgently as its order asks; 2 is routine.
ALTER TABLE outbound ADD COLUMN priority INTEGER NOT NULL DEFAULT 2;
UPDATE outbound SET priority = coalesce(
    (SELECT CASE json_extract(body, '$.order.priority')
        WHEN 'Stat' THEN 0 WHEN 'High' THEN 1 WHEN 'Medium' THEN 3 WHEN 'Low' THEN 4 ELSE 2 END
    FROM imaging_order
    WHERE imaging_order.key = outbound.sequence AND imaging_order.site = outbound.site
        AND json_valid(body)), 2)
    WHERE state = 'pending';
ALTER TABLE outbound ADD COLUMN round INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbound ADD COLUMN unanswered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbound ADD COLUMN unanswered_last INTEGER;

ALTER TABLE outbound ADD COLUMN answered_at INTEGER;
UPDATE outbound SET answered_at = json_extract(state_body, '$.Answered.at')
    WHERE state = 'answered' AND json_valid(state_body);
CREATE INDEX outbound_answered ON outbound (destination, answered_at) WHERE answered_at IS NOT NULL;

-- How urgent a sequence is: as its most urgent pending message.
CREATE INDEX outbound_lane ON outbound (destination, site, sequence, priority)
    WHERE state = 'pending';

-- The message of each sequence that goes next, kept with every write of one: what waits behind it is never looked at.
CREATE TABLE outbound_head (
    destination TEXT NOT NULL,
    site TEXT NOT NULL,
    sequence TEXT NOT NULL,
    number INTEGER NOT NULL,
    lane INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    PRIMARY KEY (destination, site, sequence)
) STRICT, WITHOUT ROWID;
INSERT INTO outbound_head (destination, site, sequence, number, lane, not_before, queued_at)
    SELECT destination, site, sequence, number, lane, not_before, queued_at
    FROM (
        SELECT destination, site, sequence, number, not_before, queued_at,
            min(priority) OVER (PARTITION BY destination, site, sequence) AS lane,
            row_number() OVER (PARTITION BY destination, site, sequence ORDER BY queued_at, number)
                AS place
        FROM outbound WHERE state = 'pending'
    )
    WHERE place = 1;
CREATE INDEX outbound_head_due
    ON outbound_head (destination, lane, not_before, queued_at, number);
