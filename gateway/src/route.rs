//! The table of routes: each endpoint's properties in one row.
//!
//! ```text
//! method and path ──▶ find ──▶ Found { route, id } ──▶ limit ──▶ dispatch ──▶ log
//!                       │
//!                       └───▶ MethodNotAllowed (with Allow), NotFound
//! ```
//!
//! To find an endpoint's code, search for its path here; the function that
//! answers it has the endpoint's name (`Endpoint::CreateOrder` is answered by
//! `create_order`). The exceptions can be read in `Gateway::dispatch`: the six
//! `List…` are answered by `lists::list`, `V3RefundNotice` by `v3_notice`, a
//! payment link's `Page` by `link_page`, `Openapi` and `Healthz` there. Limits,
//! the log, the API's description and the tests read this table and have no
//! list of their own.
//!
//! This module is pure: it uses no merchant, no clock and no body.

use Audience::{Merchant, Operator, Payer, Person, Public, WeChat};
use Logged::{Always, Failures};
use RateClass::{CheckoutMutation, Mutation, Own, Page};
use http::Method;
use serde::{Deserialize, Serialize};

/// Who calls an endpoint. Until the caller is authenticated, this is the actor
/// that the log and the audit name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// A merchant's program, with an api-key.
    Merchant,
    /// A payer's browser or Mini Program.
    Payer,
    /// WeChat Pay or iOnline Pay, with a signed message.
    WeChat,
    /// The deployment's operator, with `ADMIN_TOKEN`.
    Operator,
    /// A person of a merchant's staff, with the console's cookie.
    Person,
    /// Any client, without authentication.
    Public,
}

/// Which limit applies to a call before it is answered. See `http/rate_limit.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateClass {
    /// No limit before authentication. A merchant's calls are limited per key
    /// in `caller`, which calls `record_caller`; notices are verified instead.
    Own,
    /// A payer's page and its polls, per address.
    Page,
    /// Calls that create or draw something, or call WeChat, per address.
    Mutation,
    /// As [`Self::Mutation`], and per checkout as well.
    CheckoutMutation,
}

/// Which calls are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logged {
    /// Every call.
    Always,
    /// Only calls that are answered with a status of 400 or more: files, and
    /// the polls of pages and monitors.
    Failures,
}

/// What a named key may do. The merchant's own pair of keys, and its tokens, may
/// do everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Read orders, checkouts, refunds and deliveries.
    #[serde(rename = "orders:read")]
    OrdersRead,
    /// Make, close and reverse orders and checkouts, and send deliveries again.
    #[serde(rename = "orders:write")]
    OrdersWrite,
    /// Make and cancel refunds.
    #[serde(rename = "refunds")]
    Refunds,
    /// Read, make and change payment links, products, images and the brand.
    #[serde(rename = "links")]
    Links,
    /// Read totals, statements, settlements, alarms, the audit and the doctor.
    #[serde(rename = "reports")]
    Reports,
    /// Make, list and revoke keys, and list and end tokens.
    #[serde(rename = "keys")]
    Keys,
}

impl Scope {
    /// Every scope, in the order of the documents.
    pub const ALL: [Self; 6] = [
        Self::OrdersRead,
        Self::OrdersWrite,
        Self::Refunds,
        Self::Links,
        Self::Reports,
        Self::Keys,
    ];

    /// Its name in the API and in storage.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OrdersRead => "orders:read",
            Self::OrdersWrite => "orders:write",
            Self::Refunds => "refunds",
            Self::Links => "links",
            Self::Reports => "reports",
            Self::Keys => "keys",
        }
    }

    /// The scope with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// What a person of a merchant's staff may do. Which calls each permits is in the
/// table of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// One's own sign-in: the password, the second factor, the sessions.
    Account,
    /// Read what the till needs: orders, refunds and totals.
    Today,
    /// Read everything that is not covered by another right.
    Look,
    /// Read statements, settlements and exchange rates.
    Reports,
    /// Note and close differences of reconciliation.
    Books,
    /// Make orders, checkouts and Quick Pays.
    Sell,
    /// Reverse and close orders.
    Undo,
    /// Make and cancel refunds.
    Refund,
    /// Make and change payment links, products and images.
    Links,
    /// Send deliveries again, and test endpoints.
    Resend,
    /// Make, change and end keys and endpoints.
    Build,
    /// Change the merchant's settings and brand.
    Settings,
    /// Invite, change and remove people.
    People,
}

impl Right {
    /// Every right, in the order of the documents.
    pub const ALL: [Self; 13] = [
        Self::Account,
        Self::Today,
        Self::Look,
        Self::Reports,
        Self::Books,
        Self::Sell,
        Self::Undo,
        Self::Refund,
        Self::Links,
        Self::Resend,
        Self::Build,
        Self::Settings,
        Self::People,
    ];

    /// Its name in the console's API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Today => "today",
            Self::Look => "look",
            Self::Reports => "reports",
            Self::Books => "books",
            Self::Sell => "sell",
            Self::Undo => "undo",
            Self::Refund => "refund",
            Self::Links => "links",
            Self::Resend => "resend",
            Self::Build => "build",
            Self::Settings => "settings",
            Self::People => "people",
        }
    }
}

/// The role of a person in a merchant's staff. The names are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, people included.
    Owner,
    /// Reads everything, exports and refunds.
    Finance,
    /// The till: sells, and reverses, closes or refunds orders that the same
    /// person has made.
    Cashier,
    /// Keys, endpoints and deliveries; no money.
    Developer,
    /// Reads.
    Viewer,
}

impl Role {
    /// Every role, in the order of the documents.
    pub const ALL: [Self; 5] = [
        Self::Owner,
        Self::Finance,
        Self::Cashier,
        Self::Developer,
        Self::Viewer,
    ];

    /// Its name in the console's API and in storage.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Finance => "finance",
            Self::Cashier => "cashier",
            Self::Developer => "developer",
            Self::Viewer => "viewer",
        }
    }

    /// The role with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// What a person of this role may do. A cashier is bounded further: see
    /// `auth/people.rs`.
    pub const fn has(self, right: Right) -> bool {
        use Right::{Account, Books, Build, Look, Refund, Reports, Resend, Sell, Today, Undo};
        match self {
            Self::Owner => true,
            Self::Finance => matches!(right, Account | Today | Look | Reports | Books | Refund),
            Self::Cashier => matches!(right, Account | Today | Sell | Undo | Refund),
            Self::Developer => matches!(right, Account | Today | Look | Resend | Build),
            Self::Viewer => matches!(right, Account | Today | Look | Reports),
        }
    }
}

impl Role {
    /// Whether a person of this role may give a key this scope: where the role permits
    /// every call of it. Who makes keys may also give `orders:write`, without which no
    /// program can sell.
    pub fn gives(self, scope: Scope) -> bool {
        if scope == Scope::OrdersWrite && self.has(Right::Build) {
            return true;
        }
        let mut calls = ROUTES.iter().filter(|route| route.scopes.contains(&scope));
        calls.all(|call| call.right.is_none_or(|right| self.has(right)))
    }
}

macro_rules! scopes {
    (-) => {
        &[]
    };
    ($scope:ident) => {
        &[Scope::$scope]
    };
    (($($scope:ident)*)) => {
        &[$(Scope::$scope),*]
    };
}

macro_rules! right {
    (-) => {
        None
    };
    ($right:ident) => {
        Some(Right::$right)
    };
}

macro_rules! keeps_answers {
    (-) => {
        false
    };
    (Kept) => {
        true
    };
}

macro_rules! routes {
    ($($(#[doc = $group:literal])* $method:ident $path:literal $endpoint:ident $audience:ident $rate:ident $logged:ident $scope:tt $right:tt $kept:tt;)*) => {
        /// Every endpoint. The function that answers it has the same name, with
        /// the exceptions in the module's documentation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the table of routes describes each")]
        pub enum Endpoint {
            $($endpoint,)*
        }

        /// Every route. If two match a path, the first one counts.
        pub const ROUTES: &[Route] = &[
            $(Route {
                method: Method::$method,
                path: $path,
                endpoint: Endpoint::$endpoint,
                audience: $audience,
                rate: $rate,
                logged: $logged,
                scopes: scopes!($scope),
                right: right!($right),
                keeps_answers: keeps_answers!($kept),
            },)*
        ];
    };
}

routes! {
    /// The merchant's API.
    POST   "/v1/order"                       CreateOrder       Merchant Own Always OrdersWrite Sell -;
    GET    "/v1/order"                       GetOrder          Merchant Own Always OrdersRead Today -;
    POST   "/v1/checksign"                   Checksign         Merchant Own Always OrdersRead Build -;
    GET    "/v1/checkout"                    GetCheckout       Merchant Own Always OrdersRead Today -;
    POST   "/v1/checkout"                    CreateCheckout    Merchant Own Always OrdersWrite Sell Kept;
    GET    "/v1/link"                        GetLinks          Merchant Own Always Links Look -;
    POST   "/v1/link"                        SetLink           Merchant Own Always Links Links Kept;
    POST   "/v1/micropay"                    Micropay          Merchant Own Always OrdersWrite Sell -;
    POST   "/v1/reverse"                     ReverseOrder      Merchant Own Always (OrdersWrite Refunds) Undo -;
    POST   "/v1/receipt"                     CreateReceipt     Merchant Own Always OrdersWrite Sell -;
    DELETE "/v1/receipt"                     RevokeReceipt     Merchant Own Always OrdersWrite Links -;
    POST   "/v1/refund"                      CreateRefund      Merchant Own Always Refunds Refund -;
    GET    "/v1/refund"                      GetRefunds        Merchant Own Always OrdersRead Today -;
    DELETE "/v1/refund"                      CancelRefund      Merchant Own Always Refunds Refund -;
    POST   "/v1/close"                       CloseOrder        Merchant Own Always OrdersWrite Undo -;
    GET    "/v1/exchange_rate"               ExchangeRate      Merchant Own Always Reports Reports -;
    GET    "/v1/settlement"                  Settlement        Merchant Own Always Reports Reports -;
    GET    "/v1/brand"                       GetBrand          Merchant Own Always Links Today -;
    PATCH  "/v1/brand"                       ChangeBrand       Merchant Own Always Links Settings -;
    GET    "/v1/settings"                    GetSettings       Merchant Own Always Links Today -;
    PATCH  "/v1/settings"                    ChangeSettings    Merchant Own Always Links Settings -;
    GET    "/v1/images"                      GetImages         Merchant Own Always Links Look -;
    POST   "/v1/images"                      CreateImage       Merchant Own Always Links Links -;
    DELETE "/v1/images/{id}"                 DeleteImage       Merchant Own Always Links Links -;
    GET    "/v1/product"                     GetProduct        Merchant Own Always Links Look -;
    POST   "/v1/product"                     SetProduct        Merchant Own Always Links Links Kept;
    GET    "/v1/statement"                   Statement         Merchant Own Always Reports Reports -;
    POST   "/v1/shorturl"                    ShortUrl          Merchant Own Always Links Links -;
    GET    "/v1/delivery"                    GetDeliveries     Merchant Own Always OrdersRead Look -;
    POST   "/v1/delivery"                    ResendDelivery    Merchant Own Always OrdersWrite Resend Kept;
    GET    "/v1/deliveries/{id}"             GetDelivery       Merchant Own Always OrdersRead Look -;
    POST   "/v1/endpoints"                   CreateEndpoint    Merchant Own Always (Keys OrdersRead) Build Kept;
    GET    "/v1/endpoints"                   GetEndpoints      Merchant Own Always OrdersRead Look -;
    GET    "/v1/endpoints/{id}"              GetEndpoint       Merchant Own Always OrdersRead Look -;
    PATCH  "/v1/endpoints/{id}"              ChangeEndpoint    Merchant Own Always (Keys OrdersRead) Build -;
    DELETE "/v1/endpoints/{id}"              DeleteEndpoint    Merchant Own Always Keys Build -;
    POST   "/v1/endpoints/{id}/rotate"       RotateEndpoint    Merchant Own Always (Keys OrdersRead) Build Kept;
    POST   "/v1/endpoints/{id}/test"         TestEndpoint      Merchant Own Always OrdersWrite Resend Kept;
    POST   "/v1/endpoints/{id}/resend"       ResendFailed      Merchant Own Always OrdersWrite Resend Kept;
    GET    "/v1/events"                      GetEvents         Merchant Own Always OrdersRead Look -;
    GET    "/v1/events/{id}"                 GetEvent          Merchant Own Always OrdersRead Look -;
    GET    "/v1/audit"                       GetAudit          Merchant Own Always Reports Look -;
    GET    "/v1/orders"                      ListOrders        Merchant Own Always OrdersRead Today -;
    GET    "/v1/refunds"                     ListRefunds       Merchant Own Always OrdersRead Today -;
    GET    "/v1/checkouts"                   ListCheckouts     Merchant Own Always OrdersRead Look -;
    GET    "/v1/links"                       ListLinks         Merchant Own Always Links Look -;
    GET    "/v1/deliveries"                  ListDeliveries    Merchant Own Always OrdersRead Look -;
    GET    "/v1/alarms"                      ListAlarms        Merchant Own Always Reports Look -;
    GET    "/v1/totals"                      GetTotals         Merchant Own Always Reports Today -;
    GET    "/v1/reconciliation"              GetReconciliation Merchant Own Always Reports Reports -;
    POST   "/v1/reconciliation/{id}"         NoteDifference    Merchant Own Always Reports Books Kept;
    GET    "/v1/reconciliations"             GetReconciliations Merchant Own Always Reports Reports -;
    GET    "/v1/timeline"                    GetTimeline       Merchant Own Always OrdersRead Look -;
    GET    "/v1/doctor"                      Doctor            Merchant Own Always Reports Look -;
    GET    "/v1/keys"                        GetKeys           Merchant Own Always Keys Build -;
    POST   "/v1/keys"                        CreateKey         Merchant Own Always Keys Build Kept;
    DELETE "/v1/keys"                        RevokeKey         Merchant Own Always Keys Build -;
    POST   "/v1/token"                       CreateToken       Merchant Own Always Keys - Kept;
    GET    "/v1/token"                       GetTokens         Merchant Own Always Keys Build -;
    DELETE "/v1/token"                       RevokeToken       Merchant Own Always Keys Build -;
    /// The payer's page.
    GET    "/pay/"                           Page              Payer Page Always - - -;
    GET    "/pay/status"                     PayStatus         Payer Page Failures - - -;
    GET    "/pay/view"                       PayView           Payer Page Always - - -;
    GET    "/pay/sign-in"                    PaySignIn         Payer Mutation Always - - -;
    GET    "/pay/live"                       PayLive           Payer Page Always - - -;
    POST   "/pay/order"                      PayOrder          Payer CheckoutMutation Always - - -;
    POST   "/pay/check"                      PayCheck          Payer CheckoutMutation Always - - -;
    GET    "/pay/receipt"                    Receipt           Payer Page Always - - -;
    /// A payment link's form and pictures; its page is `/pay/` as well.
    POST   "/pay/link"                       Buy               Payer Mutation Always - - -;
    GET    "/pay/result"                     LinkResult        Payer Page Always - - -;
    GET    "/pay/qr"                         LinkQr            Payer Mutation Always - - -;
    GET    "/pay/sheet"                      LinkSheet         Payer Mutation Always - - -;
    /// A merchant's images.
    GET    "/image/{id}"                     Image             Payer Page Failures - - -;
    /// The merchant's Mini Program.
    GET    "/mini/status"                    MiniStatus        Payer Page Failures - - -;
    POST   "/mini/order"                     MiniOrder         Payer CheckoutMutation Always - - -;
    POST   "/mini/check"                     MiniCheck         Payer CheckoutMutation Always - - -;
    /// The payer's openid.
    GET    "/wx-bridge/oauth_bridge.php"     QuickAuth         Payer Mutation Always - - -;
    GET    "/oauth/callback"                 OauthCallback     Payer Mutation Always - - -;
    GET    "/oauth/return"                   QuickAuthReturn   Payer Mutation Always - - -;
    /// Notices and callbacks of upstreams.
    POST   "/notify/v2/{id}"                 Notice            WeChat Own Always - - -;
    POST   "/notify/v2/{id}/refund"          RefundNotice      WeChat Own Always - - -;
    POST   "/notify/v2/{id}/native"          ProductCallback   WeChat Own Always - - -;
    POST   "/notify/v3/{id}"                 V3Notice          WeChat Own Always - - -;
    POST   "/notify/v3/{id}/refund"          V3RefundNotice    WeChat Own Always - - -;
    POST   "/notify/ionline/{id}"            IonlineNotice     WeChat Own Always - - -;
    /// The console: what the staff of a merchant signs in to.
    POST   "/console/api/invitation"         ViewInvitation    Public Mutation Always - - -;
    POST   "/console/api/accept"             AcceptInvitation  Public Mutation Always - - -;
    POST   "/console/api/sign-in"            SignIn            Public Mutation Always - - -;
    POST   "/console/api/sign-out"           SignOut           Person Own Always - Account -;
    GET    "/console/api/me"                 GetMe             Person Own Always - Account -;
    POST   "/console/api/password"           ChangePassword    Person Own Always - Account -;
    POST   "/console/api/totp"               BeginTotp         Person Own Always - Account -;
    POST   "/console/api/totp/confirm"       ConfirmTotp       Person Own Always - Account -;
    POST   "/console/api/recovery-codes"     NewRecoveryCodes  Person Own Always - Account -;
    GET    "/console/api/sessions"           GetSessions       Person Own Always - Account -;
    DELETE "/console/api/sessions"           EndSessions       Person Own Always - Account -;
    DELETE "/console/api/sessions/{id}"      EndSession        Person Own Always - Account -;
    GET    "/console/api/people"             GetPeople         Person Own Always - People -;
    PATCH  "/console/api/people/{id}"        ChangePerson      Person Own Always - People -;
    DELETE "/console/api/people/{id}"        RemovePerson      Person Own Always - People -;
    POST   "/console/api/people/{id}/reset"  ResetPerson       Person Own Always - People -;
    POST   "/console/api/invitations"        InvitePerson      Person Own Always - People -;
    DELETE "/console/api/invitations/{id}"   WithdrawInvitation Person Own Always - People -;
    /// The operator.
    GET    "/admin/merchants"                GetMerchants      Operator Own Always - - -;
    POST   "/admin/merchants"                CreateMerchant    Operator Own Always - - -;
    GET    "/admin/merchants/{id}"           GetMerchant       Operator Own Always - - -;
    PATCH  "/admin/merchants/{id}"           ChangeMerchant    Operator Own Always - - -;
    POST   "/admin/merchants/{id}/suspend"   SuspendMerchant   Operator Own Always - - -;
    POST   "/admin/merchants/{id}/resume"    ResumeMerchant    Operator Own Always - - -;
    POST   "/admin/merchants/{id}/rotate"    RotateMerchant    Operator Own Always - - -;
    GET    "/admin/merchants/{id}/report"    MerchantReport    Operator Own Always - - -;
    POST   "/admin/merchants/{id}/invitations" InviteFor       Operator Own Always - - -;
    POST   "/admin/merchants/{id}/alarms"    SettleAlarm       Operator Own Always - - -;
    POST   "/admin/merchants/{id}/decide"    DecideOrder       Operator Own Always - - -;
    GET    "/admin/merchants/{id}/audit"     AuditFor          Operator Own Always - - -;
    GET    "/admin/merchants/{id}/doctor"    DoctorFor         Operator Own Always - - -;
    POST   "/admin/reseal"                   Reseal            Operator Own Always - - -;
    POST   "/admin/export"                   ExportStep        Operator Own Always - - -;
    POST   "/admin/import"                   ImportStep        Operator Own Always - - -;
    GET    "/admin/alarms"                   Alarms            Operator Own Always - - -;
    GET    "/metrics"                        Metrics           Operator Own Failures - - -;
    /// Public.
    GET    "/"                               Home              Public Own Failures - - -;
    GET    "/docs"                           Docs              Public Own Failures - - -;
    GET    "/tools/sign"                     SignTool          Public Own Failures - - -;
    GET    "/console"                        ConsoleEntrance   Public Own Failures - - -;
    GET    "/console/"                       Console           Public Own Failures - - -;
    GET    "/openapi.json"                   Openapi           Public Own Failures - - -;
    GET    "/healthz"                        Healthz           Public Own Failures - - -;
    /// The page's files.
    GET    "/{id}"                           Asset             Public Own Failures - - -;
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct Route {
    /// A route for GET answers HEAD too.
    pub method: Method,
    /// One segment may be `{id}`, which matches any one segment.
    pub path: &'static str,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The caller.
    pub audience: Audience,
    /// The limit that applies before the call is answered.
    pub rate: RateClass,
    /// Which calls are logged.
    pub logged: Logged,
    /// What a named key needs for it, each of them. Every call of a merchant has one.
    pub scopes: &'static [Scope],
    /// What a person who is signed in to the console needs for it; without one, the
    /// call is refused to every person.
    pub right: Option<Right>,
    /// Whether an answer is kept for the repetitions of a request with an
    /// `Idempotency-Key`. A call with a number or an id of the caller's needs
    /// none: the number identifies the order, refund or merchant.
    pub keeps_answers: bool,
}

/// The table's entry for a request.
#[derive(Clone, Debug)]
pub enum Found<'a> {
    /// There is an endpoint. `id` is the path's `{id}`, or empty.
    Route {
        /// Its row.
        route: &'static Route,
        /// The segment that matches `{id}`.
        id: &'a str,
    },
    /// The path has endpoints, but none for this method.
    MethodNotAllowed {
        /// The value of the header `Allow`.
        allow: String,
    },
    /// The path has no endpoint.
    NotFound,
}

/// The most bytes of a request's body that are read, for every path but one.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// The same for an image that a merchant sends.
pub const MAX_IMAGE_BYTES: usize = 2 << 20;
/// The same for a line of an export: it has one row at least, and an image is a
/// row.
pub const MAX_LINE_BYTES: usize = 8 << 20;

/// The most bytes of a body that are read for this method and path.
pub fn max_body_bytes(method: &str, path: &str) -> usize {
    let method = Method::from_bytes(method.as_bytes()).unwrap_or_default();
    match find(&method, path).route().map(|route| route.endpoint) {
        Some(Endpoint::CreateImage) => MAX_IMAGE_BYTES,
        Some(Endpoint::ImportStep) => MAX_LINE_BYTES,
        _ => MAX_BODY_BYTES,
    }
}

impl Found<'_> {
    /// The row, if there is one.
    pub const fn route(&self) -> Option<&'static Route> {
        match self {
            Self::Route { route, .. } => Some(route),
            Self::MethodNotAllowed { .. } | Self::NotFound => None,
        }
    }
}

impl Route {
    /// Whether the route answers `method`.
    fn answers(&self, method: &Method) -> bool {
        self.method == *method || self.method == Method::GET && *method == Method::HEAD
    }

    /// The segment that matches `{id}`, if the route matches `path`.
    fn matches<'a>(&self, path: &'a str) -> Option<&'a str> {
        let mut id = "";
        let mut segments = path.split('/');
        for wanted in self.path.split('/') {
            let segment = segments.next()?;
            match wanted {
                "{id}" => id = segment,
                _ if wanted == segment => {}
                _ => return None,
            }
        }
        segments.next().is_none().then_some(id)
    }
}

/// The row for a request, or the reason why there is none.
pub fn find<'a>(method: &Method, path: &'a str) -> Found<'a> {
    let mut matching = ROUTES
        .iter()
        .filter_map(|route| Some((route, route.matches(path)?)))
        .peekable();
    // The first row is meant: `/healthz` is not a file's name.
    let Some(&(first, _)) = matching.peek() else {
        return Found::NotFound;
    };
    let mut allow = Vec::new();
    for (route, id) in matching.take_while(|(route, _)| route.path == first.path) {
        if route.answers(method) {
            return Found::Route { route, id };
        }
        allow.push(route.method.as_str());
        if route.method == Method::GET {
            allow.push("HEAD");
        }
    }
    let allow = allow.join(", ");
    Found::MethodNotAllowed { allow }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(method: &str, path: &str) -> Option<(Endpoint, String)> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        match find(&method, path) {
            Found::Route { route, id } => Some((route.endpoint, id.to_owned())),
            _ => None,
        }
    }

    fn allow(method: &str, path: &str) -> Option<String> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        match find(&method, path) {
            Found::MethodNotAllowed { allow } => Some(allow),
            _ => None,
        }
    }

    #[test]
    fn a_path_and_a_method_lead_to_one_endpoint() {
        let none = String::new();
        for (method, path, expected) in [
            (
                "POST",
                "/v1/order",
                Some((Endpoint::CreateOrder, none.clone())),
            ),
            ("GET", "/v1/order", Some((Endpoint::GetOrder, none.clone()))),
            (
                "HEAD",
                "/v1/order",
                Some((Endpoint::GetOrder, none.clone())),
            ),
            ("GET", "/pay/", Some((Endpoint::Page, none.clone()))),
            ("GET", "/", Some((Endpoint::Home, none.clone()))),
            ("GET", "/healthz", Some((Endpoint::Healthz, none))),
            (
                "GET",
                "/app.js",
                Some((Endpoint::Asset, "app.js".to_owned())),
            ),
            (
                "POST",
                "/notify/v2/demo/refund",
                Some((Endpoint::RefundNotice, "demo".to_owned())),
            ),
            ("GET", "/v1", Some((Endpoint::Asset, "v1".to_owned()))),
            ("GET", "/v1/", None),
            ("GET", "/v1/order/", None),
            ("GET", "/v1/orders/x/y", None),
            ("GET", "", None),
            ("POST", "/v1/ORDER", None),
        ] {
            assert_eq!(endpoint(method, path), expected, "{method} {path}");
        }
    }

    /// `Allow` names every method that the path has, HEAD among them; methods
    /// that HTTP does not know are refused like others.
    #[test]
    fn a_refused_method_is_answered_with_the_allowed_ones() {
        for (method, path, expected) in [
            ("PUT", "/v1/order", "POST, GET, HEAD"),
            ("QUERY", "/v1/order", "POST, GET, HEAD"),
            ("BREW", "/v1/close", "POST"),
            ("PUT", "/v1/token", "POST, GET, HEAD, DELETE"),
            ("PUT", "/v1/keys", "GET, HEAD, POST, DELETE"),
            ("POST", "/metrics", "GET, HEAD"),
            ("POST", "/healthz", "GET, HEAD"),
            ("POST", "/openapi.json", "GET, HEAD"),
            ("DELETE", "/admin/merchants/demo", "GET, HEAD, PATCH"),
            ("GET", "/notify/v3/demo", "POST"),
            ("OPTIONS", "/pay/order", "POST"),
        ] {
            assert_eq!(
                allow(method, path).as_deref(),
                Some(expected),
                "{method} {path}"
            );
        }
    }

    /// A call without a scope would be refused to every named key, and a scope of a
    /// call that is no merchant's would mean nothing.
    #[test]
    fn every_call_of_a_merchant_needs_a_scope_and_no_other_call_does() {
        for route in ROUTES {
            let is_merchants = route.audience == Audience::Merchant;
            assert_eq!(!route.scopes.is_empty(), is_merchants, "{}", route.path);
        }
        for scope in Scope::ALL {
            let name = serde_json::to_value(scope).unwrap();
            assert_eq!(name, scope.name());
            assert_eq!(Scope::named(scope.name()), Some(scope));
        }
    }

    /// A person's call without a right would be refused to everyone, and a right of
    /// a call that no person makes would mean nothing.
    #[test]
    fn every_call_of_a_person_needs_a_right() {
        for route in ROUTES {
            let may = match route.audience {
                Audience::Person => route.right.is_some(),
                Audience::Merchant => true,
                _ => route.right.is_none(),
            };
            assert!(may, "{} {}", route.method, route.path);
        }
        for role in Role::ALL {
            let name = serde_json::to_value(role).unwrap();
            assert_eq!(name, role.name());
            assert_eq!(Role::named(role.name()), Some(role));
            assert!(role.has(Right::Account));
        }
    }

    /// A row that an earlier one hides would never be used.
    #[test]
    fn no_row_is_hidden_by_an_earlier_one() {
        for route in ROUTES {
            let path = route.path.replace("{id}", "x");
            let Found::Route { route: found, .. } = find(&route.method, &path) else {
                panic!("{} {path} leads nowhere", route.method);
            };
            assert_eq!(found.endpoint, route.endpoint, "{} {path}", route.method);
        }
    }
}
