//! The pages.

pub(crate) mod account;
pub(crate) mod deliveries;
pub(crate) mod keys;
pub(crate) mod links;
pub(crate) mod log;
pub(crate) mod money;
pub(crate) mod order;
pub(crate) mod orders;
pub(crate) mod people;
pub(crate) mod refund;
pub(crate) mod settings;
pub(crate) mod sign_in;
pub(crate) mod till;
pub(crate) mod today;

use leptos::prelude::*;

use crate::address::Page;
use crate::api::Session;
use crate::texts::{self as x, t};
use crate::ui::{Built, Part};

/// The page at an address.
pub(crate) fn page(page: Page, id: &str) -> Part {
    match (page, id) {
        (Page::Today | Page::Join, _) => today::page(),
        (Page::Orders, "") => orders::page(),
        (Page::Orders, number) => order::page(number),
        (Page::Links, "") => links::page(),
        (Page::Links, id) => links::one(id),
        (Page::Till, _) => till::page(),
        (Page::Deliveries, _) => deliveries::page(),
        (Page::Money, "") => money::page(),
        (Page::Money, day) => money::one(day),
        (Page::Keys, _) => keys::page(),
        (Page::People, _) => people::page(),
        (Page::Settings, _) => settings::page(),
        (Page::Log, _) => log::page(),
        (Page::Account, _) => account::page(),
    }
}

/// In the place of a page that the person may not see.
pub(crate) fn refused(session: &Session) -> Part {
    let needs = session.person.second_factor == "needed";
    view! {
        <h1 id="title" tabindex="-1">{t(if needs { x::SECOND_FACTOR } else { x::NOT_FOR_YOU })}</h1>
        <p>{t(if needs { x::SECOND_FACTOR_NEEDED } else { x::RIGHT_MISSING })}</p>
        {needs.then(|| view! {
            <a class="button" href=Page::Account.href()>{t(x::SET_UP_SECOND_FACTOR)}</a>
        })}
    }
    .built()
}
