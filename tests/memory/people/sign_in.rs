//! Joining by a link, signing in and out, and what limits wrong passwords.

use super::browser::{Browser, PASSWORD, invited, join, person};
use gateway::route::Role;
use serde_json::json;
use tests::memory::Memory;

#[test]
fn a_link_works_once_and_says_what_it_is_for() {
    let world = Memory::default();
    world.shop("demo");
    let token = invited(&world, "demo", &json!({}));
    let browser = Browser::new(&world);
    let view = json!({ "token": token });
    let seen = browser.done("POST", "/console/api/invitation", &view);
    assert_eq!(seen["kind"], "join");
    assert_eq!(seen["role"], "owner");
    assert_eq!(seen["merchant"]["name"], "Demo Tea House");
    let anna = join(&world, &token, "anna");
    let me = anna.me();
    assert_eq!(me["person"]["name"], "Anna");
    assert_eq!(me["person"]["second_factor"], "needed");
    assert_eq!(me["can"], json!([]), "an owner needs the second factor");
    for path in ["/console/api/invitation", "/console/api/accept"] {
        let body = json!({"token": token, "login": "ben", "name": "Ben", "password": PASSWORD});
        browser.refused("POST", path, body, "INVITATION_NOT_FOUND");
    }
    // One that was never made, and one that has expired.
    for wrong in ["demo.x", "x", "other.x"] {
        let body = json!({ "token": wrong });
        browser.refused(
            "POST",
            "/console/api/invitation",
            body,
            "INVITATION_NOT_FOUND",
        );
    }
    let token = invited(&world, "demo", &json!({"expires_in_hours": 1}));
    world.advance(3601);
    let body = json!({ "token": token });
    browser.refused(
        "POST",
        "/console/api/invitation",
        body,
        "INVITATION_NOT_FOUND",
    );
}

#[test]
fn neither_passwords_nor_tokens_are_stored_or_logged() {
    let world = Memory::default();
    world.shop("demo");
    let token = invited(&world, "demo", &json!({"role": "finance"}));
    let anna = join(&world, &token, "anna");
    let codes = anna.set_up_factor();
    let stored = world.stored_text();
    let log = world.log_text();
    let cookie = anna.cookie();
    let secret = anna.secret.borrow().clone();
    for text in [PASSWORD, &token, &cookie, &secret, &codes[0]] {
        assert!(!stored.contains(text), "{text} is stored");
        assert!(!log.contains(text), "{text} is in the log");
    }
    assert!(!log.contains("Anna"), "a person's name is in the log");
}

#[test]
fn a_wrong_field_of_a_person_is_named_and_stores_nothing() {
    let world = Memory::default();
    world.shop("demo");
    let token = invited(&world, "demo", &json!({"role": "viewer"}));
    let browser = Browser::new(&world);
    let good = json!({"token": token, "login": "anna", "name": "Anna", "password": PASSWORD});
    let before = world.stored_text();
    for (field, value, code) in [
        ("login", json!("an"), "FIELD_INVALID"),
        ("login", json!("anna banana"), "FIELD_INVALID"),
        ("login", json!(null), "FIELD_MISSING"),
        ("name", json!(" "), "FIELD_MISSING"),
        ("name", json!("x".repeat(65)), "FIELD_INVALID"),
        ("name", json!("Anna\u{200b}"), "FIELD_INVALID"),
        ("name", json!("\u{202e}annA"), "FIELD_INVALID"),
        ("password", json!("short"), "FIELD_INVALID"),
        ("password", json!("aaaaaaaaaaaaaaa"), "FIELD_INVALID"),
        ("password", json!("1234567890"), "FIELD_INVALID"),
        ("password", json!("my anna password"), "FIELD_INVALID"),
        ("password", json!(7.5), "FIELD_INVALID"),
        ("role", json!("owner"), "FIELD_INVALID"),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let answer = browser.refused("POST", "/console/api/accept", &body, code);
        assert_eq!(answer["field"], field, "{body}");
    }
    assert_eq!(world.stored_text(), before);
    browser.done("POST", "/console/api/accept", good);
}

#[test]
fn a_login_belongs_to_one_person_of_the_deployment() {
    let world = Memory::default();
    world.shop("demo");
    world.shop("other");
    let anna = person(&world, "demo", Role::Owner, "anna");
    let browser = Browser::new(&world);
    for merchant in ["demo", "other"] {
        let token = invited(&world, merchant, &json!({"role": "viewer"}));
        let body = json!({"token": token, "login": "ANNA", "name": "A", "password": PASSWORD});
        let answer = browser.refused("POST", "/console/api/accept", body, "LOGIN_TAKEN");
        assert_eq!(answer["field"], "login");
    }
    // The login of a person who was removed is free after two minutes.
    let ben = person(&world, "demo", Role::Viewer, "ben");
    let id = ben.id();
    anna.done("DELETE", &format!("/console/api/people/{id}"), "");
    world.advance(121);
    let token = invited(&world, "other", &json!({"role": "viewer"}));
    join(&world, &token, "ben");
}

#[test]
fn a_person_signs_in_and_out() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Viewer, "anna");
    anna.done("POST", "/console/api/sign-out", "{}");
    anna.refused("GET", "/console/api/me", "", "SIGN_IN_NEEDED");
    assert_eq!(
        anna.call("GET", "/v1/orders", "").1["code"],
        "API_KEY_MISSING"
    );
    let (status, me) = anna.sign_in("Anna", PASSWORD, None);
    assert_eq!(
        (status, &me["data"]["person"]["login"]),
        (200, &json!("anna"))
    );
    assert_eq!(anna.call("GET", "/v1/orders", "").0, 200);
    // A session that was not used for a week has ended.
    world.advance(6 * 86_400);
    anna.me();
    world.advance(6 * 86_400);
    anna.me();
    world.advance(7 * 86_400 + 1);
    anna.refused("GET", "/v1/orders", "", "SIGN_IN_NEEDED");
    // No session lasts longer than thirty days.
    anna.sign_in("anna", PASSWORD, None);
    for _ in 0..5 {
        world.advance(6 * 86_400 - 10);
        anna.call("GET", "/console/api/me", "");
    }
    world.advance(100);
    anna.refused("GET", "/console/api/me", "", "SIGN_IN_NEEDED");
}

/// The answer is the same, and so are the calls to the registry.
#[test]
fn an_unknown_login_is_answered_like_a_wrong_password() {
    let world = Memory::default();
    world.shop("demo");
    person(&world, "demo", Role::Viewer, "anna");
    let tried = |login: &str, password: &str| {
        let calls = world.calls_to_registry();
        let answer = Browser::new(&world).sign_in(login, password, None);
        (answer, world.calls_to_registry() - calls)
    };
    // A shard that is asked for the first time reads the earlier registry.
    tried("nina", "a wrong password");
    let wrong = tried("anna", "a wrong password");
    assert_eq!(
        (wrong.0.0, &wrong.0.1["code"]),
        (401, &json!("SIGN_IN_REFUSED"))
    );
    assert_eq!(tried("nina", "a wrong password"), wrong);
}

/// Ten wrong ones from browsers that are not known, then none is tried; the person's
/// own browser still signs in.
#[test]
fn wrong_passwords_are_limited_and_a_known_browser_still_signs_in() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Viewer, "anna");
    anna.done("POST", "/console/api/sign-out", "{}");
    for login in ["anna", "nina"] {
        let tried = |n: usize, password: &str| {
            let guesser = Browser::at(&world, &format!("198.51.100.{n}"));
            guesser.sign_in(login, password, None).1["code"].clone()
        };
        for n in 0..10 {
            assert_eq!(tried(n, "a wrong password"), "SIGN_IN_REFUSED", "{login}");
        }
        // The right password is refused as well, so the answer does not reveal that it is right.
        assert_eq!(tried(11, PASSWORD), "TOO_MANY_SIGN_INS", "{login}");
    }
    assert_eq!(anna.sign_in("anna", PASSWORD, None).0, 200);
    // After a pause one more is tried.
    world.advance(361);
    let elsewhere = Browser::at(&world, "198.51.100.200");
    assert_eq!(elsewhere.sign_in("anna", PASSWORD, None).0, 200);
    // Right ones are not counted.
    for _ in 0..12 {
        assert_eq!(anna.sign_in("anna", PASSWORD, None).0, 200);
    }
    // A known browser has a limit of its own.
    for _ in 0..10 {
        let (_, answer) = anna.sign_in("anna", "a wrong password", None);
        assert_eq!(answer["code"], "SIGN_IN_REFUSED");
    }
    let (status, answer) = anna.sign_in("anna", PASSWORD, None);
    assert_eq!(
        (status, &answer["code"]),
        (429, &json!("TOO_MANY_SIGN_INS"))
    );
}

#[test]
fn wrong_passwords_are_limited_by_address() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Viewer, "anna");
    let gateway = world.gateway();
    let guesser = Browser::new(&world);
    let tried = |n: usize| {
        let body = json!({"login": format!("person{n}"), "password": "a wrong password"});
        guesser.call_at(&gateway, "POST", "/console/api/sign-in", body)
    };
    for n in 0..20 {
        assert_eq!(tried(n).1["code"], "SIGN_IN_REFUSED");
    }
    let (status, answer) = tried(20);
    assert_eq!(
        (status, &answer["code"]),
        (429, &json!("TOO_MANY_SIGN_INS"))
    );
    // No further sign-in is looked up or hashed, except from a known browser.
    let calls = world.calls_to_registry();
    assert_eq!(tried(21).0, 429);
    assert_eq!(world.calls_to_registry(), calls);
    let body = json!({"login": "anna", "password": PASSWORD});
    let (status, answer) = anna.call_at(&gateway, "POST", "/console/api/sign-in", body);
    assert_eq!(status, 200, "{answer}");
}

/// A cookie is sent by the browser for every page that asks: so every call that is not a
/// read must come from the gateway's own pages.
#[test]
fn another_sites_page_cannot_act_in_a_persons_browser() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 150);
    let anna = person(&world, "demo", Role::Owner, "anna");
    for (method, path, body) in [
        (
            "POST",
            "/v1/refund",
            r#"{"out_trade_no":"1","refund_fee":150}"#,
        ),
        ("DELETE", "/v1/keys?id=x", ""),
        ("PATCH", "/v1/brand", "{}"),
        ("POST", "/console/api/sign-out", "{}"),
        ("POST", "/console/api/sign-in", "{}"),
        ("POST", "/console/api/accept", "{}"),
        ("POST", "/console/api/invitations", r#"{"role":"owner"}"#),
    ] {
        for origin in [None, Some("https://evil.example.com"), Some("null")] {
            let mut request = anna.request(method, path, body);
            request.headers_mut().remove("origin");
            if let Some(origin) = origin {
                request
                    .headers_mut()
                    .insert("origin", origin.parse().unwrap());
            }
            let answer = world.send(request);
            let json: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
            assert_eq!(answer.status(), 403, "{path} {json}");
            assert_eq!(json["code"], "FOREIGN_ORIGIN", "{path}");
        }
    }
    assert_eq!(shop.status("1")["trade_state"], "SUCCESS");
}

#[test]
fn sessions_are_listed_and_ended() {
    let world = Memory::default();
    world.shop("demo");
    let phone = person(&world, "demo", Role::Viewer, "anna");
    let desk = Browser::at(&world, "198.51.100.9");
    assert_eq!(desk.sign_in("anna", PASSWORD, None).0, 200);
    let list = phone.done("GET", "/console/api/sessions", "");
    let sessions = list["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{list}");
    let other = sessions.iter().find(|one| one["current"] == false).unwrap();
    assert_eq!(other["browser"], "a browser");
    let path = format!("/console/api/sessions/{}", other["id"].as_str().unwrap());
    phone.done("DELETE", &path, "");
    phone.refused("DELETE", &path, "", "CONSOLE_SESSION_NOT_FOUND");
    desk.refused("GET", "/v1/orders", "", "SIGN_IN_NEEDED");
    desk.sign_in("anna", PASSWORD, None);
    let ended = phone.done("DELETE", "/console/api/sessions", "");
    assert_eq!(ended["ended"], 1);
    desk.refused("GET", "/console/api/me", "", "SIGN_IN_NEEDED");
    phone.me();
}

/// An isolate that remembers a session asks the registry once in thirty seconds,
/// and accepts an ended one for at most as long.
#[test]
fn a_session_costs_no_call_per_request_and_ends_within_thirty_seconds() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Viewer, "anna");
    let gateway = world.gateway();
    let read = || anna.call_at(&gateway, "GET", "/console/api/me", "").0;
    assert_eq!(read(), 200);
    let calls = world.calls_to_registry();
    for _ in 0..10 {
        assert_eq!(read(), 200);
    }
    assert_eq!(world.calls_to_registry(), calls);
    // Signed out in another isolate.
    let cookie = anna.clone();
    anna.done("POST", "/console/api/sign-out", "{}");
    let read = || cookie.call_at(&gateway, "GET", "/v1/orders", "").0;
    assert_eq!(read(), 200);
    world.advance(31);
    assert_eq!(read(), 401);
}

/// The same link, opened by two people at once, lets one in; so does a login that two
/// choose at once, and a code that is entered twice at once.
#[test]
fn of_two_at_once_one_joins_and_one_code_signs_in_once() {
    let world = Memory::default();
    world.shop("demo");
    let statuses = |requests: Vec<gateway::runtime::Request>| {
        let answers = world.send_all(requests);
        let mut statuses: Vec<u16> = answers.iter().map(|a| a.status().as_u16()).collect();
        statuses.sort_unstable();
        statuses
    };
    let browser = Browser::new(&world);
    let accept = |token: &str, login: &str| {
        // Names differ, so that only the login is the same.
        let name = &token[token.len() - 9..];
        let body = json!({"token": token, "login": login, "name": name, "password": PASSWORD});
        browser.request("POST", "/console/api/accept", &body.to_string())
    };
    let viewer = json!({"role": "viewer"});
    let token = invited(&world, "demo", &viewer);
    assert_eq!(
        statuses(vec![accept(&token, "anna"), accept(&token, "ben")]),
        [200, 404]
    );
    let tokens = [0, 1].map(|_| invited(&world, "demo", &viewer));
    let both = tokens.iter().map(|token| accept(token, "cleo")).collect();
    assert_eq!(statuses(both), [200, 409]);
    let owner = person(&world, "demo", Role::Owner, "olga");
    world.advance(30);
    let body = json!({"login": "olga", "password": PASSWORD, "code": owner.code()}).to_string();
    let both = [0, 1].map(|_| owner.request("POST", "/console/api/sign-in", &body));
    assert_eq!(statuses(both.to_vec()), [200, 401]);
}
