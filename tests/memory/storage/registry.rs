//! The registry is many objects: no merchant depends on one that all share, and
//! the rows that an earlier version stored in one object are found.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use tests::memory::{GATEWAY, Memory, Shop, registry_of};

const FILE: &str = "MP_verify_AbCdEf0123456789.txt";
const CONTENTS: &str = "AbCdEf0123456789";
const OTHER: &str = "Other0123456789x";

fn rotate(world: &Memory, id: &str, body: &Value) -> (u16, Value) {
    let (status, answer) = world.admin(&format!("/merchants/{id}/rotate"), body);
    (status, answer["data"].clone())
}

/// Whether a call with these headers is answered.
fn status_with(world: &Memory, headers: &[(&str, &str)]) -> u16 {
    let mut request = http::Request::get(format!("{GATEWAY}/v1/delivery"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = world.send(request.body(Vec::new()).unwrap());
    answer.status().as_u16()
}

fn with_key(world: &Memory, keys: &Value) -> u16 {
    let text = |name: &str| keys[name].as_str().unwrap().to_owned();
    status_with(
        world,
        &[
            ("api-key", &text("api-key")),
            ("api-secret", &text("api-secret")),
        ],
    )
}

fn with_token(world: &Memory, token: &str) -> u16 {
    status_with(world, &[("api-token", token)])
}

fn token_of(shop: &Shop) -> String {
    let (status, answer) = shop.call("POST", "/v1/token", String::new());
    assert_eq!(status, 200, "{answer}");
    answer["data"]["api-token"].as_str().unwrap().to_owned()
}

fn file(world: &Memory) -> (u16, String) {
    let request = http::Request::get(format!("{GATEWAY}/{FILE}"));
    let answer = world.send(request.body(Vec::new()).unwrap());
    let body = String::from_utf8_lossy(answer.body()).into_owned();
    (answer.status().as_u16(), body)
}

/// How many calls each object took since `before`.
fn since(world: &Memory, before: &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let now = world.registry_calls().into_iter();
    now.map(|(name, calls)| {
        let earlier = before.get(&name).copied().unwrap_or(0);
        (name, calls - earlier)
    })
    .filter(|(_, calls)| *calls > 0)
    .collect()
}

#[test]
fn a_thousand_merchants_are_looked_up_in_all_objects_and_never_in_the_one_of_all() {
    let world = Memory::default();
    for n in 0..1_000 {
        world.shop(&format!("m{n:04}"));
    }
    world.import_shards();
    let before = world.registry_calls();
    let isolate = world.gateway();
    for n in 0..1_000 {
        let url = format!("{GATEWAY}/notify/v2/m{n:04}");
        let request = http::Request::post(url).body(b"<xml></xml>".to_vec());
        world.send_to(&isolate, request.unwrap());
    }
    let calls = since(&world, &before);
    assert!(!calls.contains_key("/registry"));
    // A merchant that is found by its id costs one call from the isolate and
    // one from its book, which counts the refused notice and caches the
    // merchant itself.
    assert_eq!(calls.values().sum::<usize>(), 2_000);
    assert_eq!(calls.len(), 64);
    let most = calls.values().max().unwrap();
    assert!(*most <= 3 * 2_000 / 64, "{most}");
}

#[test]
fn a_lookup_by_api_key_costs_two_calls_in_thirty_seconds() {
    let world = Memory::default();
    let first = world.shop("m0000");
    world.import_shards();
    let before = world.registry_calls();
    let isolate = world.gateway();
    for _ in 0..29 {
        let keys = &first.made;
        let request = http::Request::get(format!("{GATEWAY}/v1/order"))
            .header("api-key", keys["api-key"].as_str().unwrap())
            .header("api-secret", keys["api-secret"].as_str().unwrap());
        // A field is missing, which is found after the key and before the book.
        let answer = world.send_to(&isolate, request.body(Vec::new()).unwrap());
        assert_eq!(answer.status(), 400);
        world.advance(1);
    }
    let calls = since(&world, &before);
    assert!(!calls.contains_key("/registry"));
    assert_eq!(calls.values().sum::<usize>(), 2);
}

#[test]
fn unknown_keys_are_spread_over_all_objects_and_looked_up_once() {
    let world = Memory::default();
    world.shop("demo");
    world.import_shards();
    let before = world.registry_calls();
    let isolate = world.gateway();
    for n in 0..2_000 {
        for _ in 0..2 {
            let request = http::Request::get(format!("{GATEWAY}/v1/delivery"))
                .header("cf-connecting-ip", format!("192.0.{}.{}", n / 250, n % 250))
                .header("api-key", format!("live_{n:022}"))
                .header("api-secret", "wrong");
            let answer = world.send_to(&isolate, request.body(Vec::new()).unwrap());
            assert_eq!(answer.status(), 401);
        }
    }
    let calls = since(&world, &before);
    assert!(!calls.contains_key("/registry"));
    assert_eq!(calls.values().sum::<usize>(), 2_000);
    assert_eq!(calls.len(), 64);
    let most = calls.values().max().unwrap();
    assert!(*most <= 3 * 2_000 / 64, "{most}");
}

/// A world of an earlier version: two merchants of one account, a revoked key,
/// an expired token.
struct Earlier {
    world: Memory,
    demo: Shop,
    second: Shop,
    revoked: Value,
    token: String,
    ended: String,
    audit: Vec<Value>,
}

fn earlier() -> Earlier {
    let world = Memory::default();
    let files = json!({"domain_files": {FILE: CONTENTS}});
    let demo = world.shop_with("demo", &files);
    let mut second = world.shop("second");
    let revoked = second.made.clone();
    let (status, keys) = rotate(&world, "second", &json!({"revoke": true}));
    assert_eq!(status, 200);
    second.made["api-key"] = keys["api-key"].clone();
    second.made["api-secret"] = keys["api-secret"].clone();
    let (token, ended) = (token_of(&demo), token_of(&demo));
    let (status, _) = demo.call(
        "DELETE",
        "/v1/token",
        json!({"api-token": ended}).to_string(),
    );
    assert_eq!(status, 200);
    let kept = format!(
        "INSERT INTO certificates VALUES('demo', '[]', {})",
        world.now()
    );
    world.sql(&registry_of("demo"), &kept).unwrap();
    let audit = demo.audit("credentials");
    world.downgrade_registry();
    world.advance(31);
    Earlier {
        world,
        demo,
        second,
        revoked,
        token,
        ended,
        audit,
    }
}

/// Entries without the numbers that each object assigns itself.
fn without_ids(audit: &[Value]) -> Vec<Value> {
    let entries = audit.iter().cloned();
    entries
        .map(|mut entry| {
            entry.as_object_mut().unwrap().remove("id");
            entry
        })
        .collect()
}

#[test]
fn everything_in_an_earlier_registry_is_found_and_nothing_that_has_ended() {
    let Earlier {
        world,
        demo,
        second,
        revoked,
        token,
        ended,
        audit,
    } = earlier();
    assert_eq!(with_key(&world, &demo.made), 200);
    assert_eq!(with_key(&world, &second.made), 200);
    assert_eq!(with_key(&world, &revoked), 401);
    assert_eq!(with_token(&world, &token), 200);
    assert_eq!(with_token(&world, &ended), 401);
    assert_eq!(file(&world), (200, CONTENTS.to_owned()));
    assert_eq!(without_ids(&demo.audit("credentials")), without_ids(&audit));
    let asked = world.value(
        &registry_of("demo"),
        "SELECT asked_at_ms FROM certificates WHERE merchant_id = 'demo'",
    );
    assert_eq!(asked, (world.now() - 31_000).to_string());
    // Both merchants have one `mch_id`, and are known to share it.
    for id in ["demo", "second"] {
        let sql = format!("SELECT count(*) FROM sharing WHERE merchant_id = '{id}'");
        assert_eq!(world.value(&registry_of(id), &sql), "1");
    }
    world.import_shards();
    let quick_auth = demo.made["quick_auth_token"].as_str().unwrap();
    let sql = format!("SELECT merchant_id FROM pointers WHERE name = '{quick_auth}'");
    assert_eq!(world.value(&registry_of(quick_auth), &sql), "demo");
    // The id is taken, and a change stays.
    assert_eq!(
        world
            .change_merchant("demo", &json!({"domain_files": null}))
            .0,
        200
    );
    world.advance(31);
    assert_eq!(file(&world).0, 404);
    // Once every shard has read it, the earlier registry is not called again.
    world.unreachable(&["/registry"]);
    assert_eq!(with_key(&world, &second.made), 200);
    assert_eq!(with_key(&world, &revoked), 401);
    let new = world.shop("third");
    assert_eq!(with_key(&world, &new.made), 200);
}

#[test]
fn a_key_revoked_after_the_upgrade_is_refused_by_every_version() {
    let Earlier {
        world,
        demo,
        token,
        second,
        ..
    } = earlier();
    let (status, keys) = rotate(&world, "demo", &json!({"revoke": true}));
    assert_eq!(status, 200);
    world.advance(31);
    assert_eq!(with_key(&world, &demo.made), 401);
    assert_eq!(with_token(&world, &token), 401);
    assert_eq!(with_key(&world, &keys), 200);
    // An earlier version cannot read the merchant's row: it refuses.
    let sealed = "SELECT json_extract(json, '$.sealed') IS NULL FROM merchants WHERE id = ";
    assert_eq!(world.value("/registry", &format!("{sealed}'demo'")), "1");
    assert_eq!(world.value("/registry", &format!("{sealed}'second'")), "0");
    // Another merchant, whose shards have not been read, still finds its key.
    assert_eq!(with_key(&world, &second.made), 200);
    // An earlier version that writes there is refused by the database.
    for refused in [
        "INSERT INTO merchants VALUES('x', 'x', '{}')",
        "UPDATE merchants SET json = json_set(json, '$.name', 'x') WHERE id = 'second'",
        "DELETE FROM merchants",
        "INSERT INTO keys VALUES('x', 'demo', 'x', NULL)",
        "UPDATE keys SET expires_at_ms = 0",
        "DELETE FROM keys",
        "INSERT INTO tokens VALUES('x', 'demo', 1, 1, NULL)",
        "UPDATE tokens SET expires_at_ms = 0",
        "DELETE FROM tokens",
    ] {
        let error = world.sql("/registry", refused).unwrap_err();
        assert!(error.contains("has moved"), "{refused}: {error}");
    }
}

/// An isolate of an earlier version calls the one registry in the earlier form.
#[test]
fn an_earlier_version_reads_what_is_unchanged_and_is_refused_everything_else() {
    let Earlier { world, .. } = earlier();
    let ask = |call: Value| world.ask_root(&call);
    assert_eq!(
        ask(json!({"ById": {"id": "demo"}}))["Found"]["merchant"]["id"],
        "demo"
    );
    assert_eq!(ask(json!({"ById": {"id": "unknown"}})), json!("Broken"));
    for write in [
        json!({"EndToken": {"id": "demo", "token": "12345678"}}),
        json!({"KeepCertificates": {"id": "demo", "pems": null}}),
        json!({"AddToken": {"id": "demo", "fingerprint": "x", "expires_at_ms": 1}}),
    ] {
        assert_eq!(ask(write), json!("Broken"));
    }
    assert_eq!(
        world.change_merchant("demo", &json!({"name": "New"})).0,
        200
    );
    assert_eq!(ask(json!({"ById": {"id": "demo"}})), json!("Broken"));
    assert_eq!(
        ask(json!({"ById": {"id": "second"}}))["Found"]["merchant"]["id"],
        "second"
    );
}

/// The objects of a deployment are updated to a new version one after the
/// other.
#[test]
fn while_the_earlier_registry_runs_the_earlier_version_merchants_are_read_from_it() {
    let Earlier {
        world,
        demo,
        revoked,
        token,
        ..
    } = earlier();
    world.root_runs_earlier_version(true);
    assert_eq!(with_key(&world, &demo.made), 200);
    assert_eq!(with_token(&world, &token), 200);
    assert_ne!(with_key(&world, &revoked), 200);
    // No row is changed in two places.
    assert_eq!(
        world.change_merchant("demo", &json!({"name": "New"})).0,
        500
    );
    assert_eq!(rotate(&world, "demo", &json!({})).0, 500);
    world.root_runs_earlier_version(false);
    assert_eq!(
        world.change_merchant("demo", &json!({"name": "New"})).0,
        200
    );
    assert_eq!(with_key(&world, &demo.made), 200);
    assert_eq!(with_key(&world, &revoked), 401);
}

/// Every statement of these calls is refused once, and every object is
/// unreachable once; the same call again completes the change.
#[test]
fn an_interrupted_change_is_completed_by_the_same_call() {
    type Course = (&'static str, fn(&Earlier) -> u16);
    let courses: [Course; 4] = [
        ("create", |earlier| {
            let body = Memory::merchant_body("third", &json!({"domain_files": {FILE: CONTENTS}}));
            earlier.world.admin("/merchants", &body).0
        }),
        ("change", |earlier| {
            let change = json!({"domain_files": {FILE: OTHER}, "name": "New"});
            earlier.world.change_merchant("demo", &change).0
        }),
        ("rotate", |earlier| {
            rotate(&earlier.world, "demo", &json!({})).0
        }),
        ("revoke", |earlier| {
            rotate(&earlier.world, "demo", &json!({"revoke": true})).0
        }),
    ];
    // Every statement where the shards have read the earlier registry, and some
    // of those with which they read it.
    let ways = [(true, 1), (false, 11)];
    let courses = courses
        .into_iter()
        .flat_map(|course| ways.map(|way| (course, way)));
    for ((name, course), (imported, step)) in courses {
        let mut refused = 0;
        for nth in (1..).step_by(step) {
            assert!(nth < 2_000, "{name}: endless");
            let earlier = earlier();
            let world = &earlier.world;
            if imported {
                world.import_shards();
            }
            world.refuse_statement(nth);
            let status = course(&earlier);
            if world.call_off_refusal() {
                break;
            }
            refused += 1;
            let at = format!("{name}, statement {nth}: {status}");
            // A partial change authorises nothing that was not authorised
            // before.
            assert_eq!(with_key(world, &earlier.revoked), 401, "{at}");
            assert_eq!(with_token(world, &earlier.ended), 401, "{at}");
            assert_eq!(with_key(world, &earlier.second.made), 200, "{at}");
            let again = course(&earlier);
            // A merchant whose creation failed after its last row exists.
            let exists = name == "create" && again == 409;
            assert!(again == 200 || exists, "{at}, then {again}");
            world.advance(31);
            let expected = if name == "revoke" { 401 } else { 200 };
            assert_eq!(with_key(world, &earlier.demo.made), expected, "{at}");
            assert_eq!(with_token(world, &earlier.token), expected, "{at}");
            assert_eq!(with_token(world, &earlier.ended), 401, "{at}");
            let contents = if name == "change" { OTHER } else { CONTENTS };
            assert_eq!(file(world), (200, contents.to_owned()), "{at}");
        }
        assert!(refused > 5, "{name}: {refused}");
    }
}

#[test]
fn an_outdated_pointer_authorises_nothing() {
    let world = Memory::default();
    let demo = world.shop_with("demo", &json!({"domain_files": {FILE: CONTENTS}}));
    let token = token_of(&demo);
    world.advance(31);
    let (status, keys) = rotate(&world, "demo", &json!({"revoke": true}));
    assert_eq!(status, 200);
    // The setting is removed, its pointer is not.
    let taken_off = "UPDATE merchants SET json = json_remove(json, '$.domain_files');
                     DELETE FROM domain_files";
    world.sql(&registry_of("demo"), taken_off).unwrap();
    let pointers = world.stored_text();
    assert!(pointers.contains("api_key") && pointers.contains("domain_file"));
    world.advance(31);
    assert_eq!(with_key(&world, &demo.made), 401);
    assert_eq!(with_token(&world, &token), 401);
    assert_eq!(file(&world).0, 404);
    assert_eq!(with_key(&world, &keys), 200);
    // Another merchant can use the name, once no claim can be in flight.
    world.advance(200);
    let body = Memory::merchant_body("second", &json!({"domain_files": {FILE: OTHER}}));
    assert_eq!(world.admin("/merchants", &body).0, 200);
    assert_eq!(file(&world), (200, OTHER.to_owned()));
}

#[test]
fn a_file_that_is_being_claimed_is_not_another_merchants() {
    let world = Memory::default();
    world.shop("demo");
    world.shop("second");
    world.import_shards();
    let files = |contents: &str| json!({"domain_files": {FILE: contents}});
    let claim = json!({"Claim": {"kind": "domain_file", "name": FILE, "merchant_id": "demo",
                                 "detail": CONTENTS, "at_ms": 0, "until_ms": null}});
    assert_eq!(
        world.ask_shard_of(FILE, None, &claim),
        json!({"Pointers": []})
    );
    let (status, answer) = world.change_merchant("second", &files(OTHER));
    assert_eq!((status, &answer["field"]), (400, &json!("domain_files")));
    // The row of a claim is written soon, or never.
    let call = json!({"ById": {"id": "demo"}});
    let late = world.ask_shard_of("demo", Some(world.now() - 1), &call);
    assert_eq!(late, json!("TooLate"));
    world.advance(200);
    assert_eq!(world.change_merchant("second", &files(OTHER)).0, 200);
    let (status, answer) = world.change_merchant("demo", &files(CONTENTS));
    assert_eq!((status, &answer["field"]), (400, &json!("domain_files")));
    assert_eq!(file(&world), (200, OTHER.to_owned()));
}

/// Earlier versions stored no key with a token.
#[test]
fn a_token_that_names_no_key_ends_with_the_first_rotation() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let token = token_of(&shop);
    let unbound = "UPDATE tokens SET key_fingerprint = NULL, issued_at_ms = NULL";
    world.sql(&registry_of("demo"), unbound).unwrap();
    world.downgrade_registry();
    world.advance(31);
    assert_eq!(with_token(&world, &token), 200);
    assert_eq!(rotate(&world, "demo", &json!({})).0, 200);
    // The token was made with the earlier keys, a day later.
    world.advance(24 * 3600 - 60);
    assert_eq!(with_token(&world, &token), 200);
    world.advance(120);
    assert_eq!(with_token(&world, &token), 401);
}
