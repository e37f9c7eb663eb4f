CREATE TABLE merchants(
                id TEXT PRIMARY KEY, quick_auth_token TEXT NOT NULL UNIQUE, json TEXT NOT NULL);
INSERT INTO merchants VALUES('idle', 'xnJDkMS6n4OAaWAtd9tQiU', '{"id":"idle","name":"Demo Tea House","account":{"appid":"wx5a11d0b0c0ffee01","mch_id":"1900000109"},"currency":"HKD","dialect":"v2","sign_type":"MD5","answers":"envelope","redirect_origins":["https://shop.example.com"],"quick_auth_token":"xnJDkMS6n4OAaWAtd9tQiU","h5":false,"client_certificate":{"binding":"WECHATPAY_MTLS"},"confirm_notices_from":0,"require_secret":false,"http_notify_url":true,"time_zone":"Asia/Shanghai","sealed":"tfFrATxnKBVhN4Ec77I8X1cFVCYe4EImPbv6DH37om1n-ZMbVKoz0nCO5OyQk6GtCxy0mXXrgau41FSlIYB6EYE7sguk739UhSC9pPgAzJ5Bzx1r_55AbhEQ5kM8ozWFSR9HtwoaDyFqtqb7P4MYop6ODfULQuEa1LIRkevySSEfRO0wyH-rV3qViD6BX1j3bfwBkqvx_if7SIezdrloQOtjERJhuICEMe_OIopUBh2zSrJBDCbY1nSZMMnk--8cqRWWxau5yJ4govhBUCwSutjFIZUCWea4e_DQB0S0__ZXTcI8uJjcX_daCAtY7lLHS3N1_V3R34_Cv-sT8Uvy-gSPbZx4Q0-pSQint9yr0hgcI_RHKMnfVML9Z5W5THyfnQHDnUO3MpvQv9X4mpa0OeCs3mwu4azOo2u_MHi31Ki3BkOx0Kz4kJ08bh391M6CcI53IY0","created_at_ms":1767323045000}');
CREATE TABLE keys(
                fingerprint TEXT PRIMARY KEY, merchant_id TEXT NOT NULL,
                secret_fingerprint TEXT NOT NULL, expires_at_ms INTEGER);
INSERT INTO keys VALUES('zQonbSbjNj29lZT-3TaokRPNtnEBpLSonCHny_NVarE', 'idle', 'KOt8BQ6Uq94cyhBJXD9a0DLWUNHgKElMRL-G7MKXFuU', NULL);
CREATE TABLE tokens(
                fingerprint TEXT PRIMARY KEY, merchant_id TEXT NOT NULL,
                expires_at_ms INTEGER NOT NULL, issued_at_ms INTEGER, key_fingerprint TEXT);
INSERT INTO tokens VALUES('V9xXrXqaR7ImeZhuovS34chdBGcRkaSP8R2PqLXRRp0', 'idle', 9767409445000, 1767323045000, NULL);
CREATE TABLE certificates(
                merchant_id TEXT PRIMARY KEY, pems TEXT NOT NULL, asked_at_ms INTEGER NOT NULL);
CREATE TABLE domain_files(
                name TEXT NOT NULL, merchant_id TEXT NOT NULL, contents TEXT NOT NULL,
                PRIMARY KEY(name, merchant_id));
INSERT INTO domain_files VALUES('MP_verify_AbCdEf0123456789.txt', 'idle', 'AbCdEf0123456789');
CREATE TABLE audit(
        id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, subject TEXT NOT NULL,
        what TEXT NOT NULL, evidence TEXT NOT NULL, who TEXT NOT NULL, call TEXT NOT NULL,
        request_id TEXT NOT NULL);
INSERT INTO audit VALUES(1, 1767323045000, 'idle', 'merchant made, v2 1900000109, api-key zQonbSbj', '', 'admin', 'POST /admin/merchants', 'waM2lLShbv7vWwHiXTbWTl');
CREATE INDEX tokens_merchant ON tokens(merchant_id);
CREATE INDEX domain_files_merchant ON domain_files(merchant_id);
CREATE INDEX merchants_account ON merchants(
                json_extract(json, '$.account.mch_id'), json_extract(json, '$.account.appid'));
CREATE INDEX keys_merchant ON keys(merchant_id);
CREATE INDEX tokens_expire ON tokens(expires_at_ms);
CREATE INDEX merchants_sub_account ON merchants(
                json_extract(json, '$.account.mch_id'), json_extract(json, '$.account.sub_mch_id'));
CREATE INDEX audit_subject ON audit(subject, id);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
     BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
     BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
     WHEN NEW.id IN (SELECT id FROM audit)
     BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
