//! Owners manage people; what people do is in the audit under their names.

use super::browser::{Browser, PASSWORD, invited, join, person, token};
use gateway::route::Role;
use serde_json::{Value, json};
use tests::memory::Memory;

#[test]
fn an_owner_invites_changes_and_removes_people() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    let body = json!({"role": "cashier", "refund_limit": 500, "name": "for Ben"});
    let made = anna.done("POST", "/console/api/invitations", body);
    let list = anna.done("GET", "/console/api/people", "");
    assert_eq!(list["invitations"][0]["name"], "for Ben");
    assert_eq!(list["invitations"][0]["id"], made["id"]);
    let ben = join(&world, &token(&made), "ben");
    let list = anna.done("GET", "/console/api/people", "");
    assert_eq!(list["invitations"], json!([]));
    assert_eq!(list["people"][0]["you"], true);
    assert_eq!(list["people"][1]["refund_limit"], 500);
    let path = format!("/console/api/people/{}", ben.id());
    let changed = anna.done("PATCH", &path, json!({"role": "viewer"}));
    assert_eq!(changed["role"], "viewer");
    assert_eq!(
        changed["refund_limit"],
        json!(null),
        "only cashiers have one"
    );
    ben.refused("POST", "/v1/order", "{}", "RIGHT_MISSING");
    ben.done("GET", "/v1/deliveries", "");
    let body = json!({"refund_limit": 500});
    let answer = anna.refused("PATCH", &path, body, "FIELD_INVALID");
    assert_eq!(answer["field"], "refund_limit");
    let answer = anna.refused("PATCH", &path, json!({"role": "boss"}), "FIELD_INVALID");
    assert_eq!(answer["field"], "role");
    let answer = anna.refused("PATCH", &path, json!({"login": "x"}), "FIELD_INVALID");
    assert_eq!(answer["field"], "login");
    anna.done("PATCH", &path, json!({"is_off": true}));
    ben.refused("GET", "/v1/deliveries", "", "SIGN_IN_NEEDED");
    let (_, answer) = ben.sign_in("ben", PASSWORD, None);
    assert_eq!(answer["code"], "SIGN_IN_REFUSED");
    anna.done("PATCH", &path, json!({"is_off": false, "name": "Benjamin"}));
    assert_eq!(ben.sign_in("ben", PASSWORD, None).0, 200);
    anna.done("DELETE", &path, "");
    ben.refused("GET", "/v1/deliveries", "", "SIGN_IN_NEEDED");
    anna.refused("DELETE", &path, "", "PERSON_NOT_FOUND");
    anna.refused("PATCH", &path, json!({"name": "x"}), "PERSON_NOT_FOUND");
}

#[test]
fn an_invitation_is_withdrawn() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    let made = anna.done(
        "POST",
        "/console/api/invitations",
        json!({"role": "viewer"}),
    );
    let path = format!("/console/api/invitations/{}", made["id"].as_str().unwrap());
    anna.done("DELETE", &path, "");
    anna.refused("DELETE", &path, "", "INVITATION_NOT_FOUND");
    let body = json!({"token": token(&made)});
    anna.refused(
        "POST",
        "/console/api/invitation",
        body,
        "INVITATION_NOT_FOUND",
    );
}

#[test]
fn a_merchant_always_has_an_owner_who_can_sign_in() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    let path = format!("/console/api/people/{}", anna.id());
    anna.refused("PATCH", &path, json!({"role": "viewer"}), "LAST_OWNER");
    anna.refused("PATCH", &path, json!({"is_off": true}), "LAST_OWNER");
    anna.refused("DELETE", &path, "", "LAST_OWNER");
    let zoe = person(&world, "demo", Role::Owner, "zoe");
    let zoes = format!("/console/api/people/{}", zoe.id());
    anna.done("PATCH", &zoes, json!({"is_off": true}));
    anna.refused("DELETE", &path, "", "LAST_OWNER");
    let on = anna.with_secrets(json!({"is_off": false}));
    anna.done("PATCH", &zoes, on);
    anna.done("DELETE", &path, "");
}

/// An isolate remembers a session for thirty seconds. What would last longer is refused
/// at once, in each way in which a person can lose the right.
#[test]
fn who_may_no_longer_manage_people_changes_nothing_more() {
    for (method, body, code) in [
        ("DELETE", json!(""), "SIGN_IN_NEEDED"),
        ("PATCH", json!({"is_off": true}), "SIGN_IN_NEEDED"),
        ("PATCH", json!({"role": "developer"}), "RIGHT_MISSING"),
    ] {
        let world = Memory::default();
        world.shop("demo");
        let anna = person(&world, "demo", Role::Owner, "anna");
        let bob = person(&world, "demo", Role::Owner, "bob");
        let (annas, bobs) = (
            format!("/console/api/people/{}", anna.id()),
            format!("/console/api/people/{}", bob.id()),
        );
        let vera = person(&world, "demo", Role::Viewer, "vera");
        let veras = format!("/console/api/people/{}", vera.id());
        let made = anna.done(
            "POST",
            "/console/api/invitations",
            json!({"role": "viewer"}),
        );
        let made = format!("/console/api/invitations/{}", made["id"].as_str().unwrap());
        for (call, path, sent) in [
            ("POST", "/console/api/invitations", json!({"role": "owner"})),
            ("POST", &format!("{annas}/reset"), json!({})),
            ("PATCH", &bobs, json!({"role": "owner"})),
            ("PATCH", &bobs, json!({"is_off": false})),
            ("PATCH", &veras, json!({"role": "owner"})),
            ("DELETE", &annas, json!("")),
            ("DELETE", &made, json!("")),
        ] {
            let back = anna.with_secrets(json!({"role": "owner", "is_off": false}));
            anna.call("PATCH", &bobs, back);
            let isolate = world.gateway();
            let seen = bob.call_at(&isolate, "GET", "/console/api/me", "");
            if seen.0 != 200 {
                // Switched off before: the sessions have ended.
                bob.sign_in("bob", PASSWORD, Some(&bob.code()));
                world.advance(30);
                bob.call_at(&isolate, "GET", "/console/api/me", "");
            }
            assert_eq!(anna.call(method, &bobs, &body).0, 200);
            let before = anna.done("GET", "/console/api/people", "");
            let mut sent = sent;
            if sent.is_object() {
                sent["password"] = json!(PASSWORD);
                sent["code"] = json!(bob.code());
            }
            let (_, answer) = bob.call_at(&isolate, call, path, &sent);
            // The own role is changed by others only; a withdrawal finds nothing.
            let refused = [code, "RIGHT_MISSING", "INVITATION_NOT_FOUND"];
            let refused = refused.map(|code| json!(code));
            assert!(refused.contains(&answer["code"]), "{call} {path}: {answer}");
            assert_eq!(anna.done("GET", "/console/api/people", ""), before);
            if method == "DELETE" {
                break;
            }
        }
    }
}

/// No link that was made before gives back what was taken.
#[test]
fn links_end_with_the_right_of_their_maker() {
    for (method, body) in [
        ("DELETE", json!("")),
        ("PATCH", json!({"is_off": true})),
        ("PATCH", json!({"role": "viewer"})),
    ] {
        let world = Memory::default();
        world.shop("demo");
        let anna = person(&world, "demo", Role::Owner, "anna");
        let bob = person(&world, "demo", Role::Owner, "bob");
        let bob_id = bob.id();
        let owner = bob.with_secrets(json!({"role": "owner"}));
        let to_join = bob.done("POST", "/console/api/invitations", owner);
        let reset = format!("/console/api/people/{}/reset", anna.id());
        let to_reset = bob.done("POST", &reset, bob.with_secrets(json!({})));
        let kept = anna.done(
            "POST",
            "/console/api/invitations",
            json!({"role": "viewer"}),
        );
        anna.done(method, &format!("/console/api/people/{bob_id}"), &body);
        let left = anna.done("GET", "/console/api/people", "")["invitations"].clone();
        assert_eq!(left.as_array().unwrap().len(), 1, "{left}");
        assert_eq!(left[0]["id"], kept["id"]);
        let visitor = Browser::new(&world);
        for made in [to_join, to_reset] {
            let body = json!({"token": token(&made)});
            visitor.refused(
                "POST",
                "/console/api/invitation",
                body,
                "INVITATION_NOT_FOUND",
            );
        }
        let audit = anna.done("GET", "/v1/audit?of=credentials", "").to_string();
        let ended = format!("of person {bob_id} ended");
        assert_eq!(audit.matches(&ended).count(), 2, "{audit}");
    }
}

/// A person who changes the password because a link went astray is safe.
#[test]
fn an_own_new_password_ends_a_link_to_a_new_one() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    let vera = person(&world, "demo", Role::Viewer, "vera");
    let made = anna.done(
        "POST",
        &format!("/console/api/people/{}/reset", vera.id()),
        anna.with_secrets(json!({})),
    );
    let body = json!({"password": PASSWORD, "new_password": "battery horse correct"});
    vera.done("POST", "/console/api/password", body);
    let body = json!({"token": token(&made)});
    Browser::new(&world).refused(
        "POST",
        "/console/api/invitation",
        body,
        "INVITATION_NOT_FOUND",
    );
}

#[test]
fn no_person_changes_the_own_role_or_limit() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    person(&world, "demo", Role::Owner, "bob");
    let path = format!("/console/api/people/{}", anna.id());
    for (field, body) in [
        ("role", json!({"role": "viewer"})),
        ("role", json!({"role": "cashier", "refund_limit": 5})),
        ("is_off", json!({"is_off": true})),
    ] {
        let answer = anna.refused("PATCH", &path, body, "RIGHT_MISSING");
        assert_eq!(answer["field"], field);
    }
    let changed = anna.done("PATCH", &path, json!({"name": "Anna M", "role": "owner"}));
    assert_eq!(changed["name"], "Anna M");
}

#[test]
fn a_link_sets_a_new_password_and_ends_the_second_factor() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    let fred = person(&world, "demo", Role::Finance, "fred");
    let path = format!("/console/api/people/{}/reset", fred.id());
    let made = anna.done("POST", &path, anna.with_secrets(json!({})));
    // The session is valid until the link is used.
    fred.me();
    let browser = Browser::new(&world);
    let body = json!({"token": token(&made)});
    let seen = browser.done("POST", "/console/api/invitation", body);
    assert_eq!(
        (&seen["kind"], &seen["login"]),
        (&json!("reset"), &json!("fred"))
    );
    let body = json!({"token": token(&made), "password": "battery horse correct"});
    let me = browser.done("POST", "/console/api/accept", &body);
    assert_eq!(me["person"]["second_factor"], "needed");
    fred.refused("GET", "/console/api/me", "", "SIGN_IN_NEEDED");
    browser.refused("POST", "/console/api/accept", &body, "INVITATION_NOT_FOUND");
    let (_, answer) = fred.sign_in("fred", PASSWORD, None);
    assert_eq!(answer["code"], "SIGN_IN_REFUSED");
    let own = format!("/console/api/people/{}/reset", anna.id());
    anna.refused("POST", &own, "{}", "RIGHT_MISSING");
    anna.refused(
        "POST",
        "/console/api/people/x/reset",
        anna.with_secrets(json!({})),
        "PERSON_NOT_FOUND",
    );
}

/// A thief of an owner's session makes no owner, and takes no one's sign-in.
#[test]
fn making_an_owner_or_a_new_password_needs_the_own_password_and_code() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    let vera = person(&world, "demo", Role::Viewer, "vera");
    let veras = format!("/console/api/people/{}", vera.id());
    let calls = [
        (
            "POST",
            "/console/api/invitations".to_owned(),
            json!({"role": "owner"}),
        ),
        ("POST", format!("{veras}/reset"), json!({})),
        ("PATCH", veras.clone(), json!({"role": "owner"})),
    ];
    for (method, path, fields) in &calls {
        let before = world.stored_text();
        let answer = anna.refused(method, path, fields, "FIELD_MISSING");
        assert_eq!(answer["field"], "password", "{path}");
        assert_eq!(world.stored_text(), before, "{path}");
        let good = anna.with_secrets(fields.clone());
        for (field, wrong, code) in [
            ("password", json!("a wrong password"), "PASSWORD_WRONG"),
            ("code", json!("000000"), "CODE_WRONG"),
            ("code", json!(null), "FIELD_MISSING"),
        ] {
            let mut sent = good.clone();
            sent[field] = wrong;
            let answer = anna.refused(method, path, sent, code);
            assert_eq!(answer["field"], field, "{path}");
        }
        let people = anna.done("GET", "/console/api/people", "");
        let people = people["people"].as_array().unwrap();
        let seen = people.iter().find(|person| person["login"] == "vera");
        assert_eq!(seen.unwrap()["role"], "viewer", "{path}");
    }
    for (method, path, fields) in &calls {
        let good = anna.with_secrets(fields.clone());
        anna.done(method, path, &good);
        // A code works once.
        if *method == "POST" {
            anna.refused(method, path, &good, "CODE_WRONG");
        }
    }
    // A switched off owner is one again only with both.
    anna.done("PATCH", &veras, json!({"is_off": true}));
    let on = json!({"is_off": false});
    anna.refused("PATCH", &veras, &on, "FIELD_MISSING");
    anna.done("PATCH", &veras, anna.with_secrets(on));
    // What makes no owner needs neither.
    anna.done("PATCH", &veras, json!({"role": "viewer"}));
    let invited = json!({"role": "finance"});
    anna.done("POST", "/console/api/invitations", invited);
}

#[test]
fn no_two_people_of_a_merchant_have_one_name() {
    let world = Memory::default();
    world.shop("demo");
    world.shop("other");
    let anna = person(&world, "demo", Role::Owner, "anna");
    let ben = person(&world, "demo", Role::Viewer, "ben");
    let path = format!("/console/api/people/{}", ben.id());
    for name in ["Anna", "anna", "ANNA "] {
        let answer = anna.refused("PATCH", &path, json!({ "name": name }), "NAME_TAKEN");
        assert_eq!(answer["field"], "name");
    }
    anna.done("PATCH", &path, json!({"name": "BEN"}));
    let token = invited(&world, "demo", &json!({"role": "viewer"}));
    let visitor = Browser::new(&world);
    let mut body = json!({"token": token, "login": "anna2", "name": "anna", "password": PASSWORD});
    let answer = visitor.refused("POST", "/console/api/accept", &body, "NAME_TAKEN");
    assert_eq!(answer["field"], "name");
    // The link stays.
    body["name"] = json!("Anna Lee");
    visitor.done("POST", "/console/api/accept", &body);
    // Another merchant's people have names of their own.
    person(&world, "other", Role::Viewer, "anna3");
    let token = invited(&world, "other", &json!({"role": "viewer"}));
    let body = json!({"token": token, "login": "anna4", "name": "Anna", "password": PASSWORD});
    Browser::new(&world).done("POST", "/console/api/accept", body);
}

/// An owner without other owners gets such a link from the operator.
#[test]
fn the_operator_makes_a_link_for_a_person() {
    let world = Memory::new(false);
    world.shop("demo");
    person(&world, "demo", Role::Owner, "anna");
    let path = "/merchants/demo/invitations";
    let (status, answer) = world.admin(path, &json!({"login": "nobody"}));
    assert_eq!((status, &answer["code"]), (404, &json!("PERSON_NOT_FOUND")));
    let (_, answer) = world.admin(path, &json!({"login": "anna", "role": "viewer"}));
    assert_eq!(answer["field"], "role", "{answer}");
    let made = invited(&world, "demo", &json!({"login": "anna"}));
    let browser = Browser::new(&world);
    // Without a password it signs no person in.
    let answer = browser.refused(
        "POST",
        "/console/api/accept",
        json!({ "token": made }),
        "FIELD_MISSING",
    );
    assert_eq!(answer["field"], "password");
    let body = json!({"token": made, "password": "battery horse correct"});
    let me = browser.done("POST", "/console/api/accept", body);
    assert_eq!(me["person"]["second_factor"], "needed");
}

/// `weceive dev` prints such addresses; no other deployment knows them.
#[test]
fn on_a_developers_machine_a_link_signs_in_once_and_changes_nothing() {
    let world = Memory::new(true);
    world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    let token = invited(&world, "demo", &json!({"login": "anna"}));
    let browser = Browser::new(&world);
    let body = json!({ "token": token });
    let me = browser.done("POST", "/console/api/accept", &body);
    assert_eq!(me["person"]["id"], anna.id());
    assert_eq!(me["person"]["second_factor"], "on");
    browser.refused("POST", "/console/api/accept", &body, "INVITATION_NOT_FOUND");
    anna.me();
    let entries = anna.done("GET", "/v1/audit?of=credentials", "")["entries"].to_string();
    assert!(entries.contains("signed in"), "{entries}");
}

#[test]
fn people_see_nothing_of_another_merchant() {
    let world = Memory::default();
    let other = world.shop("other");
    world.shop("demo");
    other.paid("1", 150);
    let anna = person(&world, "demo", Role::Owner, "anna");
    let zoe = person(&world, "other", Role::Owner, "zoe");
    anna.refused("GET", "/v1/order?out_trade_no=1", "", "ORDER_NOT_FOUND");
    let path = format!("/console/api/people/{}", zoe.id());
    anna.refused("DELETE", &path, "", "PERSON_NOT_FOUND");
    anna.refused("PATCH", &path, json!({"name": "x"}), "PERSON_NOT_FOUND");
    // A session is bound to its merchant: a cookie that names another one is none.
    let mut request = anna.request("GET", "/v1/orders", "");
    let cookie = request.headers()["cookie"].to_str().unwrap();
    let cookie = cookie.replace("demo.", "other.");
    request
        .headers_mut()
        .insert("cookie", cookie.parse().unwrap());
    assert_eq!(world.send(request).status(), 401);
}

#[test]
fn the_audit_names_the_person_also_after_a_removal() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 150);
    let anna = person(&world, "demo", Role::Owner, "anna");
    let fred = person(&world, "demo", Role::Finance, "fred");
    let (anna_id, fred_id) = (anna.id(), fred.id());
    let body = json!({"out_trade_no": "1", "refund_fee": 50});
    fred.done("POST", "/v1/refund", body);
    anna.done("POST", "/v1/link", json!({"body": "Tea", "total_fee": 150}));
    anna.done("DELETE", &format!("/console/api/people/{fred_id}"), "");
    let entries = |query: &str| -> Vec<Value> {
        let data = anna.done("GET", &format!("/v1/audit?{query}"), "");
        data["entries"].as_array().unwrap().clone()
    };
    let freds = entries(&format!("person={fred_id}"));
    assert!(!freds.is_empty());
    for entry in &freds {
        assert_eq!(entry["person"], json!({"id": fred_id, "name": "Fred"}));
        assert_eq!(entry["subject"], "1");
        assert!(
            entry["what"].as_str().unwrap().starts_with("refund "),
            "{entry}"
        );
    }
    let annas = entries(&format!("person={anna_id}&limit=1"));
    assert_eq!(annas[0]["person"]["name"], "Anna");
    let both = entries(&format!("person={fred_id}&subject=1"));
    assert_eq!(both.len(), freds.len());
    let credentials = entries(&format!("of=credentials&person={anna_id}"));
    let all: Vec<&str> = credentials
        .iter()
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    let all = all.join("\n");
    for what in [
        "joined as owner",
        "second factor set up",
        "removed, finance",
    ] {
        assert!(all.contains(what), "{what} is not in\n{all}");
    }
    let programs = entries("subject=1");
    assert!(programs.iter().any(|one| one["person"] == json!(null)));
}

/// Calls that programs make too often for the audit are in it if a person makes them.
#[test]
fn what_a_person_starts_is_in_the_audit() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 150);
    let anna = person(&world, "demo", Role::Owner, "anna");
    let body = json!({"out_trade_no": "c", "body": "Tea", "total_fee": 100});
    anna.done("POST", "/v1/checkout", body);
    let list = anna.done("GET", "/v1/deliveries?out_trade_no=1", "");
    let id = list["deliveries"][0]["id"].clone();
    anna.done("POST", "/v1/delivery", json!({ "id": id }));
    let data = anna.done("GET", &format!("/v1/audit?person={}", anna.id()), "");
    let text = data.to_string();
    for what in ["checkout made", "sent again"] {
        assert!(text.contains(what), "{what} is not in {text}");
    }
}

#[test]
fn a_rotated_master_key_opens_the_secrets_of_people() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    let (first, second) = ("7b".repeat(32), "8c".repeat(32));
    world.deploy(&[("MASTER_KEY", &second), ("MASTER_KEY_PREVIOUS", &first)]);
    world.advance(60);
    assert_eq!(anna.sign_in("anna", PASSWORD, Some(&anna.code())).0, 200);
    let (status, answer) = world.admin("/reseal", &json!({}));
    assert_eq!(status, 200, "{answer}");
    world.deploy(&[("MASTER_KEY", &second)]);
    world.advance(60);
    assert_eq!(anna.sign_in("anna", PASSWORD, Some(&anna.code())).0, 200);
}

#[test]
fn an_owner_changes_what_a_merchant_sets_itself() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    let path = "/v1/settings";
    let before = anna.done("GET", path, "");
    assert_eq!(before["time_zone"], "Asia/Shanghai");
    let body = json!({"name": "Tea & Co", "time_zone": "UTC", "retype_refunds_from": 500,
        "receipt_text": "12 Queen's Road\nThank you"});
    let after = anna.done("PATCH", path, &body);
    assert_eq!(after, body);
    assert_eq!(anna.me()["merchant"]["retype_refunds_from"], 500);
    assert_eq!(anna.me()["merchant"]["name"], "Tea & Co");
    for (field, value, code) in [
        ("name", json!(null), "FIELD_MISSING"),
        ("time_zone", json!("Mars"), "FIELD_INVALID"),
        ("retype_refunds_from", json!(-1), "FIELD_INVALID"),
        ("appid", json!("wx1"), "FIELD_INVALID"),
    ] {
        let answer = anna.refused("PATCH", path, json!({field: value}), code);
        assert_eq!(answer["field"], field);
    }
    assert_eq!(anna.done("GET", path, ""), body);
    let usual = anna.done("PATCH", path, json!({"retype_refunds_from": null}));
    assert_eq!(usual["retype_refunds_from"], json!(null));
    let (_, audit) = shop.call("GET", "/v1/audit?of=credentials", "");
    assert!(
        audit
            .to_string()
            .contains("settings changed: name, time_zone")
    );
}
