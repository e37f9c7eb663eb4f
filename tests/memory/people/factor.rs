//! The second factor: codes, recovery codes, and the rights that wait for it.

use super::browser::{Browser, PASSWORD, code, invited, join, person};
use gateway::route::Role;
use serde_json::json;
use tests::memory::Memory;

#[test]
fn rights_over_money_wait_for_the_second_factor() {
    let world = Memory::default();
    let shop = world.shop("demo");
    shop.paid("1", 150);
    let refund = json!({"out_trade_no": "1", "refund_fee": 50, "total_fee": 150});
    for (role, reads) in [("owner", false), ("finance", true)] {
        let token = invited(&world, "demo", &json!({ "role": role }));
        let anna = join(&world, &token, role);
        anna.refused("POST", "/v1/refund", &refund, "SECOND_FACTOR_NEEDED");
        match reads {
            true => anna.done("GET", "/v1/orders", ""),
            false => anna.refused("GET", "/v1/orders", "", "SECOND_FACTOR_NEEDED"),
        };
        anna.set_up_factor();
        let me = anna.me();
        assert_eq!(me["person"]["second_factor"], "on");
        assert_eq!(me["person"]["recovery_codes_left"], 10);
        anna.done("GET", "/v1/orders", "");
        anna.done("POST", "/v1/refund", &refund);
    }
    // A cashier who may refund nothing needs none.
    let token = invited(&world, "demo", &json!({"role": "cashier"}));
    let ben = join(&world, &token, "ben");
    assert_eq!(ben.me()["person"]["second_factor"], "off");
    ben.refused("POST", "/v1/refund", &refund, "RIGHT_MISSING");
}

#[test]
fn a_sign_in_needs_the_code_and_each_code_works_once() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    let codes = |login: &Browser, code: Option<&str>| {
        let (_, answer) = login.sign_in("anna", PASSWORD, code);
        answer["code"].as_str().unwrap_or("in").to_owned()
    };
    let other = Browser::at(&world, "198.51.100.9");
    assert_eq!(codes(&other, None), "CODE_NEEDED");
    // The code that has confirmed the second factor is used.
    assert_eq!(codes(&other, Some(&anna.code())), "CODE_WRONG");
    world.advance(30);
    let now = anna.code();
    assert_eq!(codes(&other, Some("000000")), "CODE_WRONG");
    assert_eq!(codes(&other, Some(&now)), "in");
    assert_eq!(codes(&other, Some(&now)), "CODE_WRONG");
    // A wrong password does not say whether the code is right.
    let (_, answer) = other.sign_in("anna", "a wrong password", Some(&now));
    assert_eq!(answer["code"], "SIGN_IN_REFUSED");
    // One of the step before is still accepted, once.
    world.advance(60);
    let before = code(&anna.secret.borrow(), world.now() - 30_000);
    assert_eq!(codes(&other, Some(&before)), "in");
    world.advance(90);
    assert_eq!(codes(&other, Some(&before)), "CODE_WRONG");
}

#[test]
fn wrong_codes_are_limited_more_strictly_than_wrong_passwords() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    world.advance(30);
    for n in 0..5 {
        let guesser = Browser::at(&world, &format!("198.51.100.{n}"));
        let (_, answer) = guesser.sign_in("anna", PASSWORD, Some("000000"));
        assert_eq!(answer["code"], "CODE_WRONG");
    }
    let guesser = Browser::at(&world, "198.51.100.200");
    let (_, answer) = guesser.sign_in("anna", PASSWORD, Some(&anna.code()));
    assert_eq!(answer["code"], "TOO_MANY_SIGN_INS");
    // The person's own browser and sessions go on.
    let (status, _) = anna.sign_in("anna", PASSWORD, Some(&anna.code()));
    assert_eq!(status, 200);
    // One more wrong code is checked every fifteen minutes.
    for expected in ["CODE_WRONG", "TOO_MANY_SIGN_INS"] {
        let wait = if expected == "CODE_WRONG" { 901 } else { 800 };
        world.advance(wait);
        let (_, answer) = guesser.sign_in("anna", PASSWORD, Some("000000"));
        assert_eq!(answer["code"], expected);
    }
    // Codes that a thief of a session enters are limited too.
    anna.done(
        "POST",
        "/console/api/totp",
        json!({"password": PASSWORD, "code": next(&anna)}),
    );
    for _ in 0..5 {
        let body = json!({"code": "000000"});
        anna.refused("POST", "/console/api/totp/confirm", body, "CODE_WRONG");
    }
    let body = json!({"code": "000000"});
    anna.refused(
        "POST",
        "/console/api/totp/confirm",
        body,
        "TOO_MANY_SIGN_INS",
    );
}

/// The password is known to another: the owners see that.
#[test]
fn a_wrong_code_after_a_right_password_is_in_the_audit() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    world.advance(30);
    let guesser = Browser::at(&world, "198.51.100.1");
    for (password, code) in [
        ("not the password", "000000"),
        (PASSWORD, "000000"),
        (PASSWORD, "aaaaa-bbbbb"),
    ] {
        guesser.sign_in("anna", password, Some(code));
    }
    let audit = anna.done("GET", "/v1/audit?of=credentials", "").to_string();
    let what = format!("person {}: a right password with a wrong code", anna.id());
    assert_eq!(audit.matches(&what).count(), 2, "{audit}");
}

/// Programs show a code in two halves, and people type it as they see it.
#[test]
fn a_code_may_have_spaces() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    world.advance(30);
    let code = anna.code();
    let spaced = format!(" {} {} ", &code[..3], &code[3..]);
    assert_eq!(anna.sign_in("anna", PASSWORD, Some(&spaced)).0, 200);
}

/// The code of the next step.
fn next(of: &Browser) -> String {
    of.world.advance(30);
    of.code()
}

#[test]
fn a_recovery_code_signs_in_once() {
    let world = Memory::default();
    world.shop("demo");
    let token = invited(&world, "demo", &json!({}));
    let anna = join(&world, &token, "anna");
    let codes = anna.set_up_factor();
    assert_eq!(codes.len(), 10);
    let entered = codes[3].to_uppercase().replace('-', " ");
    let other = Browser::at(&world, "198.51.100.9");
    let (status, me) = other.sign_in("anna", PASSWORD, Some(&entered));
    assert_eq!(status, 200, "{me}");
    assert_eq!(me["data"]["person"]["recovery_codes_left"], 9);
    let (_, answer) = other.sign_in("anna", PASSWORD, Some(&codes[3]));
    assert_eq!(answer["code"], "CODE_WRONG");
    // New recovery codes end the earlier ones.
    let body = json!({"password": PASSWORD, "code": next(&anna)});
    let new = anna.done("POST", "/console/api/recovery-codes", body);
    let (_, answer) = other.sign_in("anna", PASSWORD, Some(&codes[4]));
    assert_eq!(answer["code"], "CODE_WRONG");
    let code = new["recovery_codes"][0].as_str().unwrap();
    assert_eq!(other.sign_in("anna", PASSWORD, Some(code)).0, 200);
}

#[test]
fn a_second_factor_is_replaced_only_with_its_code() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    let path = "/console/api/totp";
    anna.refused(
        "POST",
        path,
        json!({"password": "a wrong password"}),
        "PASSWORD_WRONG",
    );
    anna.refused("POST", path, json!({"password": PASSWORD}), "FIELD_MISSING");
    let body = json!({"password": PASSWORD, "code": "000000"});
    anna.refused("POST", path, body, "CODE_WRONG");
    anna.refused(
        "POST",
        "/console/api/totp/confirm",
        json!({"code": "1"}),
        "TOTP_NOT_BEGUN",
    );
    let before = anna.secret.borrow().clone();
    let body = json!({"password": PASSWORD, "code": next(&anna)});
    let begun = anna.done("POST", path, body);
    assert!(begun["qr_svg"].as_str().unwrap().starts_with("<svg"));
    assert!(begun["otpauth"].as_str().unwrap().contains("Demo"));
    // Until the new one is confirmed, the earlier one is valid.
    world.advance(30);
    let other = Browser::at(&world, "198.51.100.9");
    let now = code(&before, world.now());
    assert_eq!(other.sign_in("anna", PASSWORD, Some(&now)).0, 200);
    world.advance(900);
    let secret = begun["secret"].as_str().unwrap();
    let body = json!({"code": code(secret, world.now())});
    anna.refused("POST", "/console/api/totp/confirm", body, "TOTP_NOT_BEGUN");
}

/// Who has lost the phone signs in with one recovery code and sets up a new phone with another.
#[test]
fn a_recovery_code_begins_a_new_second_factor_and_is_used_up() {
    let world = Memory::default();
    world.shop("demo");
    let token = invited(&world, "demo", &json!({}));
    let anna = join(&world, &token, "anna");
    let codes = anna.set_up_factor();
    let phone = Browser::at(&world, "198.51.100.9");
    let (status, _) = phone.sign_in("anna", PASSWORD, Some(&codes[0]));
    assert_eq!(status, 200);
    let path = "/console/api/totp";
    // The one that has signed in is used.
    let used = json!({"password": PASSWORD, "code": codes[0]});
    phone.refused("POST", path, used, "CODE_WRONG");
    let wrong = json!({"password": "a wrong password", "code": codes[1]});
    phone.refused("POST", path, wrong, "PASSWORD_WRONG");
    let good = json!({"password": PASSWORD, "code": codes[1]});
    let begun = phone.done("POST", path, &good);
    phone.refused("POST", path, &good, "CODE_WRONG");
    assert_eq!(phone.me()["person"]["recovery_codes_left"], 8);
    // The step of the set-up is used.
    world.advance(30);
    let secret = begun["secret"].as_str().unwrap();
    let body = json!({"code": code(secret, world.now())});
    phone.done("POST", "/console/api/totp/confirm", body);
    assert_eq!(phone.me()["person"]["recovery_codes_left"], 10);
    let audit = phone
        .done("GET", "/v1/audit?of=credentials", "")
        .to_string();
    let what = "a new second factor begun with a recovery code, 8 left";
    assert_eq!(audit.matches(what).count(), 1, "{audit}");
}

/// A new session has its own limit of wrong codes: without the code, a thief of the password
/// and a session could guess for ever.
#[test]
fn another_password_needs_the_code_of_the_second_factor() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Owner, "anna");
    let path = "/console/api/password";
    let body = json!({"password": PASSWORD, "new_password": "battery horse correct"});
    let answer = anna.refused("POST", path, &body, "FIELD_MISSING");
    assert_eq!(answer["field"], "code");
    let mut wrong = body.clone();
    wrong["code"] = json!("000000");
    anna.refused("POST", path, wrong, "CODE_WRONG");
    let good = anna.with_secrets(body);
    anna.done("POST", path, good);
    anna.me();
}

#[test]
fn another_password_ends_every_other_session() {
    let world = Memory::default();
    world.shop("demo");
    let anna = person(&world, "demo", Role::Viewer, "anna");
    let other = Browser::at(&world, "198.51.100.9");
    other.sign_in("anna", PASSWORD, None);
    let new = "battery horse correct";
    let path = "/console/api/password";
    let body = json!({"password": "a wrong password", "new_password": new});
    anna.refused("POST", path, body, "PASSWORD_WRONG");
    let body = json!({"password": PASSWORD, "new_password": "short"});
    anna.refused("POST", path, body, "FIELD_INVALID");
    anna.done(
        "POST",
        path,
        json!({"password": PASSWORD, "new_password": new}),
    );
    anna.me();
    other.refused("GET", "/console/api/me", "", "SIGN_IN_NEEDED");
    assert_eq!(
        other.sign_in("anna", PASSWORD, None).1["code"],
        "SIGN_IN_REFUSED"
    );
    assert_eq!(other.sign_in("anna", new, None).0, 200);
}
