CREATE TABLE facts(name TEXT PRIMARY KEY, text TEXT NOT NULL);
INSERT INTO facts VALUES('merchant', 'demo');
INSERT INTO facts VALUES('reporting', '{"at_ms":1767323715000,"taken_at_ms":1767323595000,"due_ms":1767323705000}');
INSERT INTO facts VALUES('notices_come', '1');
CREATE TABLE orders(
                out_trade_no TEXT PRIMARY KEY, json TEXT NOT NULL, due_at_ms INTEGER);
INSERT INTO orders VALUES('PAID', '{"terms":{"out_trade_no":"PAID","account":{"appid":"wx5a11d0b0c0ffee01","mch_id":"1900000109"},"body":"Two cups","money":{"amount_minor":150,"currency":"HKD"},"trade_type":"NATIVE","notify_url":"https://shop.example.com/notify","expires_at_ms":1767330245000},"prepayment":{"prepay_id":"wx20260102110405d36583ac4785d7723932","code_url":"weixin://wxpay/bizpayurl?pr=H3cO9PA"},"status":{"SUCCESS":{"payment":{"account":{"appid":"wx5a11d0b0c0ffee01","mch_id":"1900000109"},"out_trade_no":"PAID","transaction_id":"4200003900202601025054015312","money":{"amount_minor":150,"currency":"HKD"},"trade_type":"NATIVE","openid":"opdKshxGuUXzdCP7WkZt68mtbXF4","is_subscribe":"Y","bank_type":"CFT","cash_fee":138,"cash_fee_type":"CNY","rate":"92000000","time_end":"20260102110405"},"via":"query","learned_at_ms":1767323045000}},"created_at_ms":1767323045000,"checks":1,"refunds":[{"out_refund_no":"R-PAID","money":{"amount_minor":50,"currency":"HKD"},"status":"SUCCESS","asked_at_ms":1767323135000,"refund_id":"5000045140202601020942285621"}],"revision":5}', NULL);
INSERT INTO orders VALUES('OPEN', '{"terms":{"out_trade_no":"OPEN","account":{"appid":"wx5a11d0b0c0ffee01","mch_id":"1900000109"},"body":"Two cups","money":{"amount_minor":150,"currency":"HKD"},"trade_type":"NATIVE","notify_url":"https://shop.example.com/notify","expires_at_ms":1767330395000},"prepayment":{"prepay_id":"wx202601021106355215faea0798a80da255","code_url":"weixin://wxpay/bizpayurl?pr=BBCftIq"},"status":"NOTPAY","created_at_ms":1767323195000,"checks":3}', 1767323705000);
INSERT INTO orders VALUES('CLOSED', '{"terms":{"out_trade_no":"CLOSED","account":{"appid":"wx5a11d0b0c0ffee01","mch_id":"1900000109"},"body":"Two cups","money":{"amount_minor":150,"currency":"HKD"},"trade_type":"NATIVE","notify_url":"https://shop.example.com/notify","expires_at_ms":1767330395000},"prepayment":{"prepay_id":"wx20260102110635f4161286790659e3dbe7","code_url":"weixin://wxpay/bizpayurl?pr=4X3WfYK"},"status":{"CLOSED":{"reason":"asked","at_ms":1767323595000}},"created_at_ms":1767323195000,"checks":0,"revision":3}', NULL);
CREATE TABLE checkouts(
                id TEXT PRIMARY KEY, out_trade_no TEXT NOT NULL UNIQUE, json TEXT NOT NULL, untried_until_ms INTEGER);
INSERT INTO checkouts VALUES('demo.5O6rIgWMyqsPNxUsn3b1wm', 'BASKET', '{"id":"demo.5O6rIgWMyqsPNxUsn3b1wm","purchase":{"out_trade_no":"BASKET","body":"Oolong","money":{"amount_minor":300,"currency":"HKD"},"notify_url":null,"success_url":null,"cancel_url":null,"lang":null},"expires_at_ms":1767325395000,"attempts":[],"closed":false}', NULL);
CREATE TABLE attempts(
                out_trade_no TEXT PRIMARY KEY, checkout_id TEXT NOT NULL);
CREATE TABLE refunds(
                out_refund_no TEXT PRIMARY KEY, out_trade_no TEXT NOT NULL);
INSERT INTO refunds VALUES('R-PAID', 'PAID');
CREATE TABLE products(product_id TEXT PRIMARY KEY, json TEXT NOT NULL);
CREATE TABLE links(
                id TEXT PRIMARY KEY, json TEXT NOT NULL, sold INTEGER NOT NULL);
INSERT INTO links VALUES('demo.ComdYFAj4zSx', '{"id":"demo.ComdYFAj4zSx","body":"Oolong","price":{"Fixed":{"each":{"amount_minor":10,"currency":"HKD"},"max_quantity":1}},"stock":null,"expires_at_ms":null,"active":true,"notify_url":null,"success_url":null,"cancel_url":null,"lang":null,"attach":null}', 0);
CREATE TABLE sales(
                checkout_id TEXT PRIMARY KEY, link_id TEXT NOT NULL, once TEXT NOT NULL,
                pieces INTEGER NOT NULL, until_ms INTEGER NOT NULL);
CREATE TABLE holders(
                checkout_id TEXT PRIMARY KEY, holder TEXT NOT NULL);
CREATE TABLE deliveries(
                id INTEGER PRIMARY KEY AUTOINCREMENT, out_trade_no TEXT NOT NULL,
                url TEXT NOT NULL, body TEXT NOT NULL, attempts INTEGER NOT NULL,
                due_at_ms INTEGER, state TEXT NOT NULL, last TEXT, out_refund_no TEXT);
INSERT INTO deliveries VALUES(1, 'PAID', 'https://shop.example.com/notify', '<xml><return_code><![CDATA[SUCCESS]]></return_code><result_code><![CDATA[SUCCESS]]></result_code><appid><![CDATA[wx5a11d0b0c0ffee01]]></appid><mch_id><![CDATA[1900000109]]></mch_id><openid><![CDATA[opdKshxGuUXzdCP7WkZt68mtbXF4]]></openid><is_subscribe><![CDATA[Y]]></is_subscribe><trade_type><![CDATA[NATIVE]]></trade_type><bank_type><![CDATA[CFT]]></bank_type><total_fee>150</total_fee><fee_type><![CDATA[HKD]]></fee_type><cash_fee>138</cash_fee><cash_fee_type><![CDATA[CNY]]></cash_fee_type><rate><![CDATA[92000000]]></rate><transaction_id><![CDATA[4200003900202601025054015312]]></transaction_id><out_trade_no><![CDATA[PAID]]></out_trade_no><time_end><![CDATA[20260102110405]]></time_end><device_info><![CDATA[WEB]]></device_info><nonce_str><![CDATA[jjMrG9GPj5OdKXan]]></nonce_str><sign><![CDATA[9D628E73C6C347BD59F6BB758F203E39]]></sign></xml>', 1, NULL, 'acknowledged', 'acknowledged', NULL);
CREATE TABLE counters(name TEXT PRIMARY KEY, n INTEGER NOT NULL);
INSERT INTO counters VALUES('order:NOTPAY', 3);
INSERT INTO counters VALUES('upstream_calls:apihk.mch.weixin.qq.com', 16);
INSERT INTO counters VALUES('upstream_ms:apihk.mch.weixin.qq.com', 0);
INSERT INTO counters VALUES('notice_taken', 1);
INSERT INTO counters VALUES('order:SUCCESS', 1);
INSERT INTO counters VALUES('query:order', 8);
INSERT INTO counters VALUES('delivery_acknowledged', 1);
INSERT INTO counters VALUES('delivery_sent', 1);
INSERT INTO counters VALUES('refund:ASKED', 1);
INSERT INTO counters VALUES('refund:PROCESSING', 1);
INSERT INTO counters VALUES('query:refund', 2);
INSERT INTO counters VALUES('refund:SUCCESS', 1);
INSERT INTO counters VALUES('refund_notice_taken', 1);
INSERT INTO counters VALUES('order:CLOSED', 1);
INSERT INTO counters VALUES('order:CLOSING', 1);
CREATE TABLE alarms(
                name TEXT NOT NULL, subject TEXT NOT NULL, times INTEGER NOT NULL,
                last_at_ms INTEGER NOT NULL, PRIMARY KEY(name, subject));
CREATE TABLE transactions(
                transaction_id TEXT PRIMARY KEY, out_trade_no TEXT NOT NULL);
INSERT INTO transactions VALUES('4200003900202601025054015312', 'PAID');
CREATE TABLE strays(
                transaction_id TEXT PRIMARY KEY, json TEXT NOT NULL);
CREATE TABLE audit(
        id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, subject TEXT NOT NULL,
        what TEXT NOT NULL, evidence TEXT NOT NULL, who TEXT NOT NULL, call TEXT NOT NULL,
        request_id TEXT NOT NULL);
INSERT INTO audit VALUES(1, 1767323045000, 'PAID', 'order NOTPAY, 150 HKD, NATIVE', '', 'key 4-UtWfBX', 'POST /v1/order', 'waM2lLShbv7vWwHiXTbWTl');
INSERT INTO audit VALUES(2, 1767323045000, 'PAID', 'order SUCCESS, 150 HKD, NATIVE', 'WeChat''s answer to a query: transaction 4200003900202601025054015312', 'wechat', 'POST /notify/v2/demo', 'vZxnJDkMS6n4OAaWAtd9tQ');
INSERT INTO audit VALUES(3, 1767323135000, 'PAID', 'refund R-PAID ASKED, 50 HKD', '', 'key 4-UtWfBX', 'POST /v1/refund', 'Ys2wUqaIA2U3Vw93Vji5ss');
INSERT INTO audit VALUES(4, 1767323135000, 'PAID', 'refund R-PAID PROCESSING, 50 HKD', 'WeChat''s answer about the refund', 'key 4-UtWfBX', 'POST /v1/refund', 'Ys2wUqaIA2U3Vw93Vji5ss');
INSERT INTO audit VALUES(5, 1767323155000, 'PAID', 'refund R-PAID SUCCESS, 50 HKD', 'WeChat''s answer about the refund', 'wechat', 'POST /notify/v2/demo/refund', '9XFOUDDZcjS7hMS5ZYvDjm');
INSERT INTO audit VALUES(6, 1767323195000, 'OPEN', 'order NOTPAY, 150 HKD, NATIVE', '', 'key 4-UtWfBX', 'POST /v1/order', 'RTDK3zs8IrwAhYXhtL3izq');
INSERT INTO audit VALUES(7, 1767323195000, 'CLOSED', 'order NOTPAY, 150 HKD, NATIVE', '', 'key 4-UtWfBX', 'POST /v1/order', 'qNdrWsEm8ttUgHxRq8pQ6A');
INSERT INTO audit VALUES(8, 1767323595000, 'CLOSED', 'order CLOSING, 150 HKD, NATIVE', '', 'key 4-UtWfBX', 'POST /v1/close', 'KrFqgsHdHP9HRz5waB6a5n');
INSERT INTO audit VALUES(9, 1767323595000, 'CLOSED', 'order CLOSED, 150 HKD, NATIVE', 'WeChat''s answer to the close: Closed', 'key 4-UtWfBX', 'POST /v1/close', 'KrFqgsHdHP9HRz5waB6a5n');
INSERT INTO audit VALUES(10, 1767323595000, 'demo.ComdYFAj4zSx', 'link on, 10 to 10 HKD a piece, to 1 at once', '', 'key 4-UtWfBX', 'POST /v1/link', 'Hv3CkWXoJKWk900XrGmudJ');
CREATE INDEX orders_due ON orders(due_at_ms)
                WHERE due_at_ms IS NOT NULL;
CREATE INDEX attempts_checkout ON attempts(checkout_id);
CREATE INDEX sales_link ON sales(link_id, until_ms);
CREATE INDEX sales_once ON sales(once);
CREATE INDEX holders_holder ON holders(holder);
CREATE INDEX deliveries_waiting ON deliveries(out_trade_no)
                WHERE state = 'waiting';
CREATE INDEX deliveries_order ON deliveries(out_trade_no);
CREATE INDEX deliveries_due ON deliveries(due_at_ms)
                WHERE due_at_ms IS NOT NULL;
CREATE INDEX audit_subject ON audit(subject, id);
CREATE INDEX alarms_last ON alarms(last_at_ms);
CREATE INDEX checkouts_untried ON checkouts(untried_until_ms)
                WHERE untried_until_ms IS NOT NULL;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
     BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
     BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
     WHEN NEW.id IN (SELECT id FROM audit)
     BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
