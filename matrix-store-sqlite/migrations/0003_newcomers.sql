-- Lanes that had no turn yet, in the order in which they can be claimed.
CREATE INDEX lane_new ON lane (ready, head, sender, class)
WHERE ready IS NOT NULL AND freed IS NULL AND token IS NULL;
