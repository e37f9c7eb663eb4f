//! The address after `#`: the page, the id of what it shows, and the filters.
//!
//! ```text
//! #/orders?state=REFUND&currency=HKD
//! #/orders/9900000000
//! #/join/TOKEN
//! ```

/// A page of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Today,
    Orders,
    Links,
    Till,
    Deliveries,
    Money,
    Keys,
    People,
    Settings,
    Log,
    Account,
    /// The page of an invitation; the id is the invitation's token.
    Join,
}

impl Page {
    pub(crate) const ALL: [Self; 12] = [
        Self::Today,
        Self::Orders,
        Self::Links,
        Self::Till,
        Self::Deliveries,
        Self::Money,
        Self::Keys,
        Self::People,
        Self::Settings,
        Self::Log,
        Self::Account,
        Self::Join,
    ];

    /// Its name in the address.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Today => "today",
            Self::Orders => "orders",
            Self::Links => "links",
            Self::Till => "till",
            Self::Deliveries => "deliveries",
            Self::Money => "money",
            Self::Keys => "keys",
            Self::People => "people",
            Self::Settings => "settings",
            Self::Log => "log",
            Self::Account => "account",
            Self::Join => "join",
        }
    }

    /// The address of the page.
    pub(crate) fn href(self) -> String {
        format!("#/{}", self.name())
    }

    /// The address of one thing of the page.
    pub(crate) fn href_of(self, id: &str) -> String {
        format!("#/{}/{}", self.name(), encode(id))
    }
}

/// A parsed address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) page: Page,
    /// The order, link or token; empty for the page itself.
    pub(crate) id: String,
    /// The filters, in the order of the address.
    pub(crate) filters: Vec<(String, String)>,
}

impl Address {
    /// The address of a page.
    pub(crate) fn of(page: Page) -> Self {
        Self {
            page,
            id: String::new(),
            filters: Vec::new(),
        }
    }

    /// Reads what follows the `#`, with or without it. An unknown page is the
    /// first one.
    pub(crate) fn read(hash: &str) -> Self {
        let hash = hash.trim_start_matches('#').trim_start_matches('/');
        let (path, query) = hash.split_once('?').unwrap_or((hash, ""));
        let (name, id) = path.split_once('/').unwrap_or((path, ""));
        let page = Page::ALL.into_iter().find(|page| page.name() == name);
        let filters = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (decode(name), decode(value)))
            .filter(|(_, value)| !value.is_empty());
        Self {
            page: page.unwrap_or(Page::Today),
            id: decode(id.trim_end_matches('/')),
            filters: filters.collect(),
        }
    }

    /// The address as text.
    pub(crate) fn write(&self) -> String {
        let mut written = match self.id.as_str() {
            "" => self.page.href(),
            id => self.page.href_of(id),
        };
        let query = query(&self.filters);
        if !query.is_empty() {
            written.push('?');
            written.push_str(&query);
        }
        written
    }

    /// The filter with this name, or an empty text.
    pub(crate) fn filter(&self, name: &str) -> String {
        let found = self.filters.iter().find(|(filter, _)| filter == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// The address with this filter set, or without the filter where the value
    /// is empty.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut changed = self.clone();
        let place = changed
            .filters
            .iter_mut()
            .find(|(filter, _)| filter == name);
        match place {
            Some((_, kept)) => value.clone_into(kept),
            None => changed.filters.push((name.to_owned(), value.to_owned())),
        }
        changed.filters.retain(|(_, value)| !value.is_empty());
        changed
    }
}

/// A query string without its question mark.
pub(crate) fn query(pairs: &[(String, String)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Percent-encodes everything that has a meaning in an address.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
            out.push('%');
            out.push(digit(byte >> 4).to_ascii_uppercase());
            out.push(digit(byte & 15).to_ascii_uppercase());
        }
    }
    out
}

/// The opposite of [`encode`]; what is not percent-encoded stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = after
            .get(..2)
            .and_then(|digits| str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_was_written() {
        for written in [
            "#/today",
            "#/orders?state=REFUND&currency=HKD",
            "#/orders/99%2F00%7C%2A%40",
            "#/orders?q=%E6%A1%8C%207",
            "#/join/Ab-_9",
        ] {
            assert_eq!(Address::read(written).write(), written);
        }
    }

    #[test]
    fn what_cannot_be_read_is_the_first_page_without_filters() {
        for odd in [
            "",
            "#",
            "#/",
            "#/nothing",
            "#/%",
            "#/today?%",
            "#/today?a=",
            "#/%zz?%=%",
        ] {
            let read = Address::read(odd);
            assert_eq!(read.page, Page::Today, "{odd}");
            assert_eq!(Address::read(&read.write()), read, "{odd}");
        }
    }

    #[test]
    fn a_filter_is_set_replaced_and_removed() {
        let list = Address::of(Page::Orders);
        let paid = list.with("state", "SUCCESS").with("q", "99");
        assert_eq!(paid.write(), "#/orders?state=SUCCESS&q=99");
        assert_eq!(
            paid.with("state", "CLOSED").write(),
            "#/orders?state=CLOSED&q=99"
        );
        assert_eq!(paid.with("state", "").filter("state"), "");
        assert_eq!(paid.with("state", "").with("q", ""), list);
    }
}
