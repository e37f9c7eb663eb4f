CREATE TABLE board(
                merchant TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, due_ms INTEGER,
                contact_at_ms INTEGER, alarms INTEGER NOT NULL, json TEXT NOT NULL);
INSERT INTO board VALUES('m0001', 1767323045000, NULL, NULL, 1, '{"counters":{"order:NOTPAY":1},"orders_waiting":1,"deliveries_waiting":0,"overdue_ms":0,"storage_bytes":0,"alarms":[{"name":"ORDER_UNKNOWN","says":"","to_do":"","subject":"0","times":1,"last_at_ms":1}],"standing":{"ORDER_UNKNOWN":1}}');
CREATE TABLE totals(name TEXT PRIMARY KEY, n INTEGER NOT NULL);
INSERT INTO totals VALUES('alarm:ORDER_UNKNOWN', 1);
INSERT INTO totals VALUES('merchants', 1);
CREATE TABLE facts(name TEXT PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO facts VALUES('read_up_to', '');
CREATE INDEX board_due ON board(due_ms) WHERE due_ms IS NOT NULL;
CREATE INDEX board_contact ON board(contact_at_ms)
                WHERE contact_at_ms IS NOT NULL;
CREATE INDEX board_alarms ON board(merchant) WHERE alarms > 0;
