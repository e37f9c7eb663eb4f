//! Known mistakes, to be made on purpose: each one that the simulation misses
//! shows a gap in it. Each is a few changes of the sources, whose places are found by a
//! [pattern](super::pattern): a pattern that does not fit exactly once in its
//! crate is an error, so that the list stays true.

/// A mistake.
#[derive(Debug)]
pub struct Mutant {
    /// What goes wrong, in a few words.
    pub name: &'static str,
    /// What is changed.
    pub changes: &'static [Change],
}

/// One change of one place.
#[derive(Debug)]
pub struct Change {
    /// The crate's directory; the place may be in any file of its `src`.
    pub directory: &'static str,
    /// What is there, as a pattern.
    pub find: &'static str,
    /// What is put there instead.
    pub replace: &'static str,
}

/// Every mistake.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "the amount of a payment is not compared",
        changes: &[Change {
            directory: "order",
            find: "} else if payment.money != self.terms.money {",
            replace: "} else if payment.money != self.terms.money && self.terms.body.is_empty() {",
        }],
    },
    Mutant {
        name: "a payment counts on the notice alone",
        changes: &[Change {
            directory: "gateway",
            find: "money.amount_minor() >= self.confirm_notices_from",
            replace: "money.amount_minor() < self.confirm_notices_from - Money::MAX_MINOR",
        }],
    },
    Mutant {
        name: "the merchant of a payment is not compared",
        changes: &[Change {
            directory: "order",
            find: "(&theirs.mch_id, &theirs.sub_mch_id) != (&ours.mch_id, &ours.sub_mch_id)",
            replace: "theirs.mch_id != ours.mch_id",
        }],
    },
    Mutant {
        name: "a notice is acknowledged although it was not written",
        changes: &[Change {
            directory: "gateway",
            find: "($id, notice.payment, Some($xml)).await?",
            replace: "($id, notice.payment, Some($xml)).await.unwrap_or(Verdict::Duplicate)",
        }],
    },
    Mutant {
        name: "a refund's end does not reach the lists",
        changes: &[Change {
            directory: "gateway",
            find: "if before != Some(entry) {",
            replace: "if before.is_none() || at == 0 && before != Some(entry) {",
        }],
    },
    Mutant {
        name: "after a restart an alarm counts as set",
        changes: &[Change {
            directory: "gateway",
            find: "armed_at_ms: Cell::new(None), asked_at_ms",
            replace: "armed_at_ms: Cell::new(Some(0)), asked_at_ms",
        }],
    },
    Mutant {
        name: "every merchant's refunds are sent with one client certificate",
        changes: &[Change {
            directory: "gateway",
            find: "true => Ok(Route::WeChatPayMtls(binding)),",
            replace: "true => Ok(Route::WeChatPayMtls(if binding.is_empty() { binding } else { \"WECHATPAY_MTLS_1600000000\" })),",
        }],
    },
    Mutant {
        name: "the bridge's answer counts as a payment",
        changes: &[Change {
            directory: "gateway",
            find: "asked += 1; $query?; } } $view }",
                replace: "asked += 1; $query?; } } let mut facts = $view?; if asked > 0 { facts.state = State::Paid { paid_at_ms: self.runtime.now_ms() }; } Ok(facts) }",
        }],
    },
    Mutant {
        name: "a close without an answer counts as closed",
        changes: &[Change {
            directory: "gateway",
            find: "_ => CloseAnswer::Unknown,",
            replace: "_ => CloseAnswer::Closed,",
        }],
    },
    Mutant {
        name: "ORDERPAID on close counts as closed",
        changes: &[Change {
            directory: "gateway",
            find: "Some(Reason::OrderPaid) => CloseAnswer::OrderPaid,",
            replace: "Some(Reason::OrderPaid) => CloseAnswer::Closed,",
        }],
    },
    Mutant {
        name: "a repeated refund gets another number",
        changes: &[Change {
            directory: "gateway",
            find: "out_refund_no: OutRefundNo::new(&$refund.out_refund_no)?, $amounts, $notify_url, refund_desc",
            replace: "out_refund_no: OutRefundNo::new(&format!(\"{}-{}\", $refund.out_refund_no, \
                      self.0.nonce().get(..4).unwrap_or_default()))?, $amounts, $notify_url, refund_desc",
        }],
    },
    Mutant {
        name: "Quick Pay is sent again after no answer",
        changes: &[Change {
            directory: "gateway",
            find: "micropay::PATH | report::PATH => Tries::Once",
            replace: "report::PATH => Tries::Once",
        }],
    },
    Mutant {
        name: "a delivery that failed once is dropped",
        changes: &[Change {
            directory: "gateway",
            find: "Err($why) if $due.is_last => ($given_up, $why),",
            replace: "Err($why) if $due.is_last || $why.is_ascii() => ($given_up, $why),",
        }],
    },
    Mutant {
        name: "a delivery in progress has no timer",
        changes: &[Change {
            directory: "gateway",
            find: "attempts = attempts + ?, due_at_ms = ? WHERE id = ?",
            replace: "attempts = attempts + ?1, due_at_ms = NULL WHERE ?2 > 0 AND id = ?3",
        }],
    },
    Mutant {
        name: "an earlier attempt of a checkout stays open",
        changes: &[
            Change {
                directory: "gateway",
                find: "if self.give_up($context, &$prepare.id, $attempt).await? == GivenUp::TooYoung {",
                replace: "if $prepare.id.is_empty() {",
            },
            Change {
                directory: "gateway",
                find: "(true, false) if $can_close => return Err($pending),",
                replace: "",
            },
        ],
    },
    Mutant {
        name: "an unverified answer about a payment is used",
        changes: &[Change {
            directory: "wechatpay",
            find: "if same(given, &self.sign(key, sign_type)) {",
            replace: "if same(given, &self.sign(key, sign_type)) || self.get(\"transaction_id\").is_some() {",
        }],
    },
    Mutant {
        name: "any secret opens a merchant's orders",
        changes: &[Change {
            directory: "gateway",
            find: "match $context.has_secret($secret) {",
            replace: "match !$secret.is_empty() {",
        }],
    },
    Mutant {
        name: "every merchant's orders are in one book",
        changes: &[Change {
            directory: "gateway",
            find: ".call(Object::Book(merchant), body).await?",
            replace: ".call(Object::Book(\"tea\"), body).await?",
        }],
    },
    Mutant {
        name: "an order is closed here and not at WeChat",
        changes: &[
            Change {
                directory: "gateway",
                find: "Effect::Close => Some($close.await),",
                replace: "Effect::Close => Some(Event::CloseAnswered(CloseAnswer::Closed)),",
            },
        ],
    },
    Mutant {
        name: "the currency of a payment is not compared",
        changes: &[
            Change {
                directory: "order",
                find: "} else if payment.money.currency() != self.terms.money.currency() {",
                replace: "} else if payment.money.currency() != self.terms.money.currency() && self.terms.body.is_empty() {",
            },
            Change {
                directory: "order",
                find: "} else if payment.money != self.terms.money {",
                replace: "} else if payment.money.amount_minor() != self.terms.money.amount_minor() {",
            },
        ],
    },
    Mutant {
        name: "v3: the signature of an answer is not checked",
        changes: &[
            Change {
                directory: "wechatpay",
                find: "Ok(false) => Err(VerifyError::BadSignature),",
                replace: "Ok(false) if !body.windows(10).any(|word| word == b\"\\\"resource\\\"\") => Ok(Verified(body)),
        Ok(false) => Err(VerifyError::BadSignature),",
            },
        ],
    },
    Mutant {
        name: "v3: the signature of a notice is not checked",
        changes: &[
            Change {
                directory: "wechatpay",
                find: "Ok(false) => Err(VerifyError::BadSignature),",
                replace: "Ok(false) if body.windows(10).any(|word| word == b\"\\\"resource\\\"\") => Ok(Verified(body)),
        Ok(false) => Err(VerifyError::BadSignature),",
            },
        ],
    },
    Mutant {
        name: "v3: an answer with 202 counts as a success",
        changes: &[
            Change {
                directory: "wechatpay",
                find: "fn is_success(status: u16) -> bool { matches!(status, 200 | 204)",
                replace: "fn is_success(status: u16) -> bool { matches!(status, 200 | 202 | 204)",
            },
            // A reverse that is done has no body.
            Change {
                directory: "wechatpay",
                find: "_ => Err(FieldError::new(\"body\", Problem::BadFormat).into()),",
                replace: "_ => Ok(()),",
            },
        ],
    },
    Mutant {
        name: "v3: a signature corrupted in transit ends a Quick Pay",
        changes: &[
            Change {
                directory: "gateway",
                find: "ErrorCode::SignError => $reason::$open,",
                replace: "ErrorCode::SignError => $reason::Other,",
            },
        ],
    },
    Mutant {
        name: "v3: a notice is acknowledged although it was not written",
        changes: &[
            Change {
                directory: "gateway",
                find: "::Paid($payment) => $noticed($id, *$payment, None).await?,",
                replace: "::Paid($payment) => {
                let taken = $noticed($id, *$payment, None).await;
                taken.unwrap_or(Verdict::Taken)
            }",
            },
        ],
    },
    Mutant {
        name: "v3: the sub_mchid of a notice is ignored",
        changes: &[
            Change {
                directory: "gateway",
                find: "let Some($whose) = $named_in($cx, &$context, $merchant).await? else {",
                replace: "$named_in($cx, &$context, $merchant).await?;
        let Some($whose) = Some($context.clone()) else {",
            },
            Change {
                directory: "order",
                find: "(&theirs.mch_id, &theirs.sub_mch_id) != (&ours.mch_id, &ours.sub_mch_id)",
                replace: "theirs.mch_id != ours.mch_id",
            },
        ],
    },
    Mutant {
        name: "v3: a notice signed with another merchant's keys is accepted",
        changes: &[
            Change {
                directory: "gateway",
                find: "match $believed($cx, &signature, request, &whose).await {",
                replace: "match Ok::<_, &str>(content) {",
            },
        ],
    },
    Mutant {
        name: "iOnline: an order counts as closed at once",
        changes: &[
            Change {
                directory: "gateway",
                find: "Some(_) => Err(not_yet()),",
                replace: "Some(_) => Ok(()),",
            },
        ],
    },
    Mutant {
        name: "a second payment of a purchase is kept",
        changes: &[
            Change {
                directory: "gateway",
                find: "match kept.filter(|kept| kept != $number) {",
                replace: "match kept.filter(|kept| kept != $number && kept.as_str().is_empty()) {",
            },
        ],
    },
    Mutant {
        name: "a second payment of a purchase is refunded twice",
        changes: &[
            Change {
                directory: "order",
                find: "self.write_refund(out_refund_no, self.terms.money, None, now_ms);",
                replace: "self.write_refund(format!(\"{out_refund_no}-2\"), self.terms.money, None, now_ms);
                self.write_refund(out_refund_no, self.terms.money, None, now_ms);",
            },
        ],
    },
    Mutant {
        name: "a Quick Pay is paid by another system's payment of the same amount",
        changes: &[
            Change {
                directory: "order",
                find: "self.terms.trade_type == TradeType::Micropay && (payment",
                replace: "self.terms.trade_type == TradeType::Micropay && self.terms.body.is_empty() && (payment",
            },
            Change {
                directory: "order",
                find: "} else if payment.trade_type != self.terms.trade_type {",
                replace: "} else if payment.trade_type != self.terms.trade_type && self.terms.body.is_empty() {",
            },
            Change {
                directory: "gateway",
                find: "refused?;",
                replace: "refused.ok();",
            },
        ],
    },
    Mutant {
        name: "a refund made by a person at WeChat is ignored",
        changes: &[
            Change {
                directory: "order",
                find: "Status::Success(_) if refunded && self.elsewhere.is_none()",
                replace: "Status::Success(_) if !refunded && self.elsewhere.is_none()",
            },
        ],
    },
    Mutant {
        name: "a refund that WeChat does not find ends while a request is in flight",
        changes: &[
            Change {
                directory: "order",
                find: "if later || !refund.in_flight.is_empty() {",
                replace: "if later {",
            },
            Change {
                directory: "order",
                find: "let is_current = revision == self.revision;",
                replace: "let is_current = revision <= self.revision;",
            },
        ],
    },
    Mutant {
        name: "a pointer to a merchant counts without the merchant's own shard",
        changes: &[
            Change {
                directory: "gateway",
                find: "if let Some(found) = in_shard(runtime, $shard, None, command).await? {",
                replace: "let by_id = ById { id: pointer.merchant_id }.into_call();
                    let found = match command.clone().into_call() {
                        Call::ByApiKey(_) => {
                            let call = Call::Shard { not_after_ms: None, call: Box::new(by_id) };
                            reply::<C>(send(runtime, Object::Shard($shard), call).await?)?
                        }
                        _ => in_shard(runtime, $shard, None, command).await?,
                    };
                    if let Some(found) = found {",
            },
        ],
    },
    Mutant {
        name: "an order's deliveries do not wait for each other",
        changes: &[
            Change {
                directory: "gateway",
                find: ") THEN coalesce(due_at_ms, ?2) END",
                replace: ") OR 1 THEN coalesce(due_at_ms, ?2) END",
            },
        ],
    },
    Mutant {
        name: "an order that cannot be read stops every timer",
        changes: &[
            Change {
                directory: "gateway",
                find: "Err($error) => self.set_aside($text, &$error.to_string())?,",
                replace: "Err($error) => return Err($error),",
            },
        ],
    },
    Mutant {
        name: "a delivery that cannot be read stops every delivery",
        changes: &[
            Change {
                directory: "gateway",
                find: "let due = self.read_due(id);",
                replace: "let due: Result<_, StorageError> = Ok(self.read_due(id)?);",
            },
        ],
    },
    Mutant {
        name: "a row that cannot be read raises no alarm",
        changes: &[
            Change {
                directory: "gateway",
                find: "for key in self.unreadable.take() {",
                replace: "for key in self.unreadable.take().into_iter().take(0) {",
            },
        ],
    },
    Mutant {
        name: "an alarm that is raised is not reported to the board",
        changes: &[
            Change {
                directory: "gateway",
                find: "self.write_event(EventType::AlarmRaised, $subject, $object)?; } self.alarms_changed()",
            replace: "self.write_event(EventType::AlarmRaised, $subject, $object)?; } Ok::<_, StorageError>(())",
            },
        ],
    },
    Mutant {
        name: "a book whose timer did not fire is not called",
        changes: &[
            Change {
                directory: "gateway",
                find: "merchants.iter().map(|$merchant| self.call_book($merchant))",
            replace: "merchants.iter().take(0).map(|$merchant| self.call_book($merchant))",
        }],
    },
    Mutant {
        name: "more requests leave an object than Cloudflare has connections for",
        changes: &[
            Change {
                directory: "gateway",
                find: "const AT_ONCE: usize = 5;",
                replace: "const AT_ONCE: usize = 50;",
            },
            Change {
                directory: "gateway",
                find: "pub const DELIVERIES_AT_ONCE: usize = 2;",
                replace: "pub const DELIVERIES_AT_ONCE: usize = 50;",
            },
        ],
    },
    Mutant {
        name: "deliveries take every slot of an object's requests",
        changes: &[
            Change {
                directory: "gateway",
                find: "pub const DELIVERIES_AT_ONCE: usize = 2;",
                replace: "pub const DELIVERIES_AT_ONCE: usize = 5;",
            },
        ],
    },
    Mutant {
        name: "an alarm checks no order while a delivery is in progress",
        changes: &[
            Change {
                directory: "gateway",
                find: "match deliveries + in_flight.len() + days > 0 && $may_claim {",
                replace: "match deliveries > 9 && $may_claim {",
            },
        ],
    },
    Mutant {
        name: "an unknown name is looked up each time",
        changes: &[
            Change {
                directory: "gateway",
                find: "(0..MISSING_MS)",
                replace: "(0..0)",
            },
        ],
    },
    Mutant {
        name: "each refused notice reaches the merchant's book",
        changes: &[
            Change {
                directory: "gateway",
                find: "const REPORTS_APART_MS: i64 = 10_000;",
                replace: "const REPORTS_APART_MS: i64 = 1;",
            },
        ],
    },
    Mutant {
        name: "a flood of refused notices blocks true ones",
        changes: &[
            Change {
                directory: "gateway",
                find: "is_left($refused_notices) || is_known()",
                replace: "is_left($refused_notices)",
            },
        ],
    },
    Mutant {
        name: "a flood of notices has every unknown merchant looked up",
        changes: &[
            Change {
                directory: "gateway",
                find: "is_left($refused_notices) || is_known()",
                replace: "!network.is_empty()",
            },
        ],
    },
    Mutant {
        name: "a link's purchase without an attempt stays for ever",
        changes: &[
            Change {
                directory: "gateway",
                find: "($new, Some(untried_until_ms), $link)?",
                replace: "($new, None, $link)?",
            },
        ],
    },
    Mutant {
        name: "one address may hold a link's whole stock",
        changes: &[
            Change {
                directory: "gateway",
                find: "held + pieces > HELD_BY_ONE.max(stock / 4)",
                replace: "held + pieces > stock",
            },
        ],
    },
    Mutant {
        name: "a number given up in flight blocks the other device",
        changes: &[
            Change {
                directory: "gateway",
                find: "self.end_attempt($id, $attempt)?; Ok(GivenUp::Ended)",
                replace: "Ok(GivenUp::Ended)",
            },
        ],
    },
    Mutant {
        name: "a checkout ends after twelve changes of device",
        changes: &[
            Change {
                directory: "gateway",
                find: "for n in 2..=MAX_ATTEMPTS {",
                replace: "for n in 2..=ATTEMPTS_AT_ONCE {",
            },
        ],
    },
    Mutant {
        name: "an openid from one merchant's service is valid at another",
        changes: &[
            Change {
                directory: "gateway",
                find: "(payer.$told_by == Some($by)).then_some(payer.openid)",
                replace: "(!$by.0.is_empty()).then_some(payer.openid)",
            },
        ],
    },
    Mutant {
        name: "a book whose database refuses once sets no further alarm",
        changes: &[
            Change {
                directory: "gateway",
                find: "self.runtime.now_ms() + FAILED_MS } }; self.write_counters();",
                replace: "return; } }; self.write_counters();",
            },
        ],
    },
    Mutant {
        name: "a Quick Pay is sent although it was not written",
        changes: &[
            Change {
                directory: "gateway",
                find: "if let Some($order) = self.place($context, $terms)? {",
                replace: "if let Ok(Some($order)) = self.place($context, $terms) {",
            },
        ],
    },
    Mutant {
        name: "a time-out runs while a request waits in the queue",
        changes: &[Change {
            directory: "gateway",
            find: "let _place = self.place(route).await?;",
            replace: "let patience = self.runtime.sleep(route.timeout_ms());
                let _place = match select(pin!(self.place(route)), pin!(patience)).await {
                    Either::Left((place, _)) => place?,
                    Either::Right(_) => return Err(FetchError::TimedOut),
                };",
        }],
    },
    Mutant {
        name: "a refund's end is no event",
        changes: &[Change {
            directory: "gateway",
            find: "RefundStatus::Success => EventType::RefundSucceeded,",
            replace: "RefundStatus::Success => continue,",
        }],
    },
    Mutant {
        name: "a refund's event is written twice",
        changes: &[Change {
            directory: "gateway",
            find: "self.write_event(kind, number, &item)?;",
            replace: "self.write_event(kind, number, &item)?; self.write_event(kind, number, &item)?;",
        }],
    },
    Mutant {
        name: "the numbers of an order's events leave a gap",
        changes: &[Change {
            directory: "gateway",
            find: "VALUES(?1, ?2, ?3, 1 + coalesce(",
            replace: "VALUES(?1, ?2, ?3, CASE WHEN ?2 LIKE 'refund%' THEN 2 ELSE 1 END + coalesce(",
        }],
    },
    Mutant {
        name: "an event counts as delivered before the answer",
        changes: &[Change {
            directory: "gateway",
            find: "SET attempts = attempts + 1, due_at_ms = ? WHERE id = ?",
            replace: "SET attempts = attempts + 1, state = 'acknowledged', due_at_ms = CASE WHEN ? > 0 THEN NULL END WHERE id = ?",
        }],
    },
    Mutant {
        name: "an order's events do not wait for each other",
        changes: &[Change {
            directory: "gateway",
            find: "THEN NULL ELSE ?3 END, ?4, ?3",
            replace: "THEN ?3 ELSE ?3 END, ?4, ?3",
        }],
    },
    Mutant {
        name: "the amount in a statement is not compared",
        changes: &[Change {
            directory: "gateway",
            find: "if ours.amount_minor != line.amount_minor {",
            replace: "if ours.amount_minor != line.amount_minor && ours.amount_minor < 0 {",
        }],
    },
    Mutant {
        name: "the currency in a statement is not compared",
        changes: &[Change {
            directory: "gateway",
            find: "if ours.currency != line.currency {",
            replace: "if ours.currency != line.currency && ours.currency.is_empty() {",
        }],
    },
    Mutant {
        name: "the state in a statement is not compared",
        changes: &[Change {
            directory: "gateway",
            find: "match ours.state == expected && ours.is_same {",
            replace: "match (ours.state == expected || ours.amount_minor > 0) && ours.is_same {",
        }],
    },
    Mutant {
        name: "WeChat's number in a statement is not compared",
        changes: &[Change {
            directory: "gateway",
            find: "match ours.state == expected && ours.is_same {",
            replace: "match ours.state == expected {",
        }],
    },
    Mutant {
        name: "a payment in a statement that the book does not know counts as equal",
        changes: &[Change {
            directory: "gateway",
            find: "_ => Compared::UnknownHere, };",
            replace: "_ => Compared::Equal, };",
        }],
    },
    Mutant {
        name: "a refund in a statement that the book does not know counts as equal",
        changes: &[Change {
            directory: "gateway",
            find: "Kind::Refund if has_order => Compared::RefundedElsewhere,",
            replace: "Kind::Refund if has_order => Compared::Equal,",
        }],
    },
    Mutant {
        name: "a payment that a statement lacks is not searched",
        changes: &[Change {
            directory: "gateway",
            find: "moved.iter().filter(|$moved| !$moved.is_booked)",
            replace: "moved.iter().filter(|$moved| !$moved.is_booked && $moved.n < 0)",
        }],
    },
    Mutant {
        name: "what is carried over midnight is a difference at once",
        changes: &[Change {
            directory: "gateway",
            find: "(Answer::Made, true) => Compared::Carried,",
            replace: "(Answer::Made, true) => Compared::OnlyHere,",
        }],
    },
    Mutant {
        name: "what is carried over midnight is not searched again",
        changes: &[Change {
            directory: "gateway",
            find: "self.settle_carried(day.date)?;",
            replace: "",
        }],
    },
    Mutant {
        name: "a row that a statement repeats is not noticed",
        changes: &[Change {
            directory: "gateway",
            find: "if store::days::is_booked(&self.storage, line.kind, &key)? {",
            replace: "if store::days::is_booked(&self.storage, line.kind, &key)? && nth < 0 {",
        }],
    },
    Mutant {
        name: "another merchant's row in a statement is a difference",
        changes: &[Change {
            directory: "gateway",
            find: "if compared == Compared::UnknownHere && shares {",
            replace: "if compared == Compared::UnknownHere && shares && nth < 0 {",
        }],
    },
    Mutant {
        name: "a statement alone reverses an order",
        changes: &[Change {
            directory: "gateway",
            find: "let answer = self.verified_answer(context, number, refund);",
            replace: "if kind == Kind::Reversal {
                    let reversed = Event::StateReported(TradeState::Revoked, order::Via::Query);
                    self.transition(context, number.as_str(), reversed, None)?;
                }
                let answer = self.verified_answer(context, number, refund);",
        }],
    },
    Mutant {
        name: "v3: the hash of a statement is not checked",
        changes: &[Change {
            directory: "gateway",
            find: "hash.check(sha1).map_err(|_| Broken::OtherHash)?;",
            replace: "drop((hash, sha1));",
        }],
    },
    Mutant {
        name: "v2: a statement without its sums counts as complete",
        changes: &[Change {
            directory: "gateway",
            find: "None => Totals::Required,",
            replace: "None => Totals::Optional,",
        }],
    },
    Mutant {
        name: "no statement counts for a day with payments, too",
        changes: &[Change {
            directory: "gateway",
            find: "Some(Reason::NoStatement) => is_quiet || is_late,",
            replace: "Some(Reason::NoStatement) => true,",
        }],
    },
    Mutant {
        name: "a day that is not compared by the evening raises no alarm",
        changes: &[Change {
            directory: "gateway",
            find: "if is_late && !self.stands(Alarm::DayNotReconciled,",
            replace: "if is_late && day.record.tries < 0 && !self.stands(Alarm::DayNotReconciled,",
        }],
    },
    Mutant {
        name: "a difference raises no alarm",
        changes: &[Change {
            directory: "gateway",
            find: "self.write_event(EventType::ReconciliationDiffers, &day.subject(), &item)?; self.raise(Alarm::ReconciliationDiffers, &day.subject())?; } self.runtime.log",
            replace: "self.write_event(EventType::ReconciliationDiffers, &day.subject(), &item)?; } self.runtime.log",
        }],
    },
];
