//! Known mistakes, to be made on purpose: the simulation is worth what it
//! catches. Each is a few exact changes of the sources; a text that is not
//! there exactly once is an error, so that the list stays true.

/// A mistake.
#[derive(Debug)]
pub struct Mutant {
    /// What goes wrong, in a few words.
    pub name: &'static str,
    /// What is changed.
    pub changes: &'static [Change],
}

/// One change of one file.
#[derive(Debug)]
pub struct Change {
    /// The file, from the root of the repository.
    pub file: &'static str,
    /// What stands there, once.
    pub find: &'static str,
    /// What is put there instead.
    pub replace: &'static str,
}

/// Every mistake.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "the amount of a payment is not compared",
        changes: &[Change {
            file: "order/src/machine.rs",
            find: "} else if payment.money != self.terms.money {",
            replace: "} else if payment.money != self.terms.money && self.terms.body.is_empty() {",
        }],
    },
    Mutant {
        name: "a payment counts on the notice alone",
        changes: &[Change {
            file: "gateway/src/merchants/merchant.rs",
            find: "money.amount_minor() >= self.confirm_notices_from",
            replace: "money.amount_minor() < self.confirm_notices_from - Money::MAX_MINOR",
        }],
    },
    Mutant {
        name: "the merchant of a payment is not compared",
        changes: &[Change {
            file: "order/src/machine.rs",
            find: "(&theirs.mch_id, &theirs.sub_mch_id) != (&ours.mch_id, &ours.sub_mch_id)",
            replace: "theirs.mch_id != ours.mch_id",
        }],
    },
    Mutant {
        name: "a notice is acknowledged although it was not written",
        changes: &[Change {
            file: "gateway/src/handlers/notify/v2.rs",
            find: "self.noticed(id, notice.payment, Some(xml)).await?",
            replace: "self.noticed(id, notice.payment, Some(xml)).await.unwrap_or(Verdict::Duplicate)",
        }],
    },
    Mutant {
        name: "a refund's end does not reach the lists",
        changes: &[Change {
            file: "gateway/src/book/index.rs",
            find: "            if before != Some(entry) {\n",
            replace: "            if before.is_none() || at == 0 && before != Some(entry) {\n",
        }],
    },
    Mutant {
        name: "after a restart an alarm counts as set",
        changes: &[Change {
            file: "gateway/src/book/mod.rs",
            find: "armed_at_ms: Cell::new(None),",
            replace: "armed_at_ms: Cell::new(Some(0)),",
        }],
    },
    Mutant {
        name: "every merchant's refunds are sent with one client certificate",
        changes: &[Change {
            file: "gateway/src/upstream/v2.rs",
            find: "            true => Ok(binding),",
            replace: "            true => Ok(if binding.is_empty() { binding } else { \"WECHATPAY_MTLS_1600000000\" }),",
        }],
    },
    Mutant {
        name: "the bridge's answer counts as a payment",
        changes: &[Change {
            file: "gateway/src/book/checkouts.rs",
            find: "        }
        self.view_checkout(id)
    }",
            replace: "        }
        let mut facts = self.view_checkout(id)?;
        if asked > 0 {
            facts.state = State::Paid { paid_at_ms: self.runtime.now_ms() };
        }
        Ok(facts)
    }",
        }],
    },
    Mutant {
        name: "a close without an answer counts as closed",
        changes: &[Change {
            file: "gateway/src/book/orders.rs",
            find: "_ => CloseAnswer::Unknown,",
            replace: "_ => CloseAnswer::Closed,",
        }],
    },
    Mutant {
        name: "ORDERPAID on close counts as closed",
        changes: &[Change {
            file: "gateway/src/book/orders.rs",
            find: "Some(Reason::OrderPaid) => CloseAnswer::OrderPaid,",
            replace: "Some(Reason::OrderPaid) => CloseAnswer::Closed,",
        }],
    },
    Mutant {
        name: "a repeated refund gets another number",
        changes: &[Change {
            file: "gateway/src/upstream/v2.rs",
            find: "out_refund_no: OutRefundNo::new(&refund.out_refund_no)?,",
            replace: "out_refund_no: OutRefundNo::new(&format!(\"{}-{}\", refund.out_refund_no, \
                      self.0.nonce().get(..4).unwrap_or_default()))?,",
        }],
    },
    Mutant {
        name: "Quick Pay is sent again after no answer",
        changes: &[Change {
            file: "gateway/src/upstream/v2.rs",
            find: "micropay::PATH | report::PATH => Tries::Once",
            replace: "report::PATH => Tries::Once",
        }],
    },
    Mutant {
        name: "a delivery that failed once is dropped",
        changes: &[Change {
            file: "gateway/src/book/deliveries.rs",
            find: "Err(why) if due.is_last => (\"given_up\", why),",
            replace: "Err(why) if due.is_last || why.is_ascii() => (\"given_up\", why),",
        }],
    },
    Mutant {
        name: "a delivery in progress has no timer",
        changes: &[Change {
            file: "gateway/src/book/deliveries.rs",
            find: "attempts = attempts + ?, due_at_ms = ? WHERE id = ?",
            replace: "attempts = attempts + ?1, due_at_ms = NULL WHERE ?2 > 0 AND id = ?3",
        }],
    },
    Mutant {
        name: "an earlier attempt of a checkout stays open",
        changes: &[
            Change {
                file: "gateway/src/book/checkouts.rs",
                find: "if self.give_up(context, &prepare.id, attempt).await? == GivenUp::TooYoung {",
                replace: "if prepare.id.is_empty() {",
            },
            Change {
                file: "gateway/src/book/checkouts.rs",
                find: "(true, false) if can_close => return Err(ApiError::of(Code::AttemptPending)),",
                replace: "",
            },
        ],
    },
    Mutant {
        name: "an unverified answer about a payment is used",
        changes: &[Change {
            file: "wechatpay/src/common/sign.rs",
            find: "if same(given, &self.sign(key, sign_type)) {",
            replace: "if same(given, &self.sign(key, sign_type)) || self.get(\"transaction_id\").is_some() {",
        }],
    },
    Mutant {
        name: "any secret opens a merchant's orders",
        changes: &[Change {
            file: "gateway/src/handlers/api/mod.rs",
            find: "match context.has_secret(secret) {",
            replace: "match !secret.is_empty() {",
        }],
    },
    Mutant {
        name: "every merchant's orders are in one book",
        changes: &[Change {
            file: "gateway/src/app.rs",
            find: "self.runtime.call(Object::Book(merchant), body)",
            replace: "self.runtime.call(Object::Book(\"tea\"), body)",
        }],
    },
    Mutant {
        name: "an order is closed here and not at WeChat",
        changes: &[
            Change {
                file: "gateway/src/book/orders.rs",
                find: "Effect::Close => Some(self.close(context, &number).await),",
                replace: "Effect::Close => Some(Event::CloseAnswered(CloseAnswer::Closed)),",
            },
        ],
    },
    Mutant {
        name: "the currency of a payment is not compared",
        changes: &[
            Change {
                file: "order/src/machine.rs",
                find: "} else if payment.money.currency() != self.terms.money.currency() {",
                replace: "} else if payment.money.currency() != self.terms.money.currency() && self.terms.body.is_empty() {",
            },
            Change {
                file: "order/src/machine.rs",
                find: "} else if payment.money != self.terms.money {",
                replace: "} else if payment.money.amount_minor() != self.terms.money.amount_minor() {",
            },
        ],
    },
    Mutant {
        name: "v3: the signature of an answer is not checked",
        changes: &[
            Change {
                file: "wechatpay/src/v3/keyring.rs",
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
                file: "wechatpay/src/v3/keyring.rs",
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
                file: "wechatpay/src/v3/answer.rs",
                find: "matches!(status, 200 | 204)",
                replace: "matches!(status, 200 | 202 | 204)",
            },
            // A reverse that is done has no body.
            Change {
                file: "wechatpay/src/v3/close.rs",
                find: "_ => Err(FieldError::new(\"body\", Problem::BadFormat).into()),",
                replace: "_ => Ok(()),",
            },
        ],
    },
    Mutant {
        name: "v3: a signature corrupted in transit ends a Quick Pay",
        changes: &[
            Change {
                file: "gateway/src/upstream/v3.rs",
                find: "ErrorCode::SignError => Reason::Open,",
                replace: "ErrorCode::SignError => Reason::Other,",
            },
        ],
    },
    Mutant {
        name: "v3: a notice is acknowledged although it was not written",
        changes: &[
            Change {
                file: "gateway/src/handlers/notify/v3.rs",
                find: "Told::Paid(payment) => self.noticed(id, *payment, None).await?,",
                replace: "Told::Paid(payment) => {
                let taken = self.noticed(id, *payment, None).await;
                taken.unwrap_or(Verdict::Taken)
            }",
            },
        ],
    },
    Mutant {
        name: "v3: the sub_mchid of a notice is ignored",
        changes: &[
            Change {
                file: "gateway/src/handlers/notify/v3.rs",
                find: "let Some(whose) = self.named_in(&context, told.merchant()).await? else {",
                replace: "self.named_in(&context, told.merchant()).await?;
        let Some(whose) = Some(context.clone()) else {",
            },
            Change {
                file: "order/src/machine.rs",
                find: "(&theirs.mch_id, &theirs.sub_mch_id) != (&ours.mch_id, &ours.sub_mch_id)",
                replace: "theirs.mch_id != ours.mch_id",
            },
        ],
    },
    Mutant {
        name: "v3: a notice signed with another merchant's keys is accepted",
        changes: &[
            Change {
                file: "gateway/src/handlers/notify/v3.rs",
                find: "match self.believed(&signature, request, &whose).await {",
                replace: "match Ok::<_, &str>(told) {",
            },
        ],
    },
    Mutant {
        name: "iOnline: an order counts as closed at once",
        changes: &[
            Change {
                file: "gateway/src/upstream/ionline.rs",
                find: "Some(_) => Err(not_yet()),",
                replace: "Some(_) => Ok(()),",
            },
        ],
    },
    Mutant {
        name: "a second payment of a purchase is kept",
        changes: &[
            Change {
                file: "gateway/src/book/checkouts.rs",
                find: "match kept.filter(|kept| kept != number) {",
                replace: "match kept.filter(|kept| kept != number && kept.as_str().is_empty()) {",
            },
        ],
    },
    Mutant {
        name: "a second payment of a purchase is refunded twice",
        changes: &[
            Change {
                file: "order/src/machine.rs",
                find: "self.write_refund(out_refund_no, self.terms.money, now_ms);",
                replace: "self.write_refund(format!(\"{out_refund_no}-2\"), self.terms.money, now_ms);
                self.write_refund(out_refund_no, self.terms.money, now_ms);",
            },
        ],
    },
    Mutant {
        name: "a Quick Pay is paid by another system's payment of the same amount",
        changes: &[
            Change {
                file: "order/src/machine.rs",
                find: "        self.terms.trade_type == TradeType::Micropay
            && (payment",
                replace: "        self.terms.trade_type == TradeType::Micropay
            && self.terms.body.is_empty()
            && (payment",
            },
            Change {
                file: "order/src/machine.rs",
                find: "} else if payment.trade_type != self.terms.trade_type {",
                replace: "} else if payment.trade_type != self.terms.trade_type && self.terms.body.is_empty() {",
            },
            Change {
                file: "gateway/src/book/quick_pay.rs",
                find: "refused?;",
                replace: "refused.ok();",
            },
        ],
    },
    Mutant {
        name: "a refund made by a person at WeChat is ignored",
        changes: &[
            Change {
                file: "order/src/machine.rs",
                find: "Status::Success(_) if refunded && self.elsewhere.is_none()",
                replace: "Status::Success(_) if !refunded && self.elsewhere.is_none()",
            },
        ],
    },
    Mutant {
        name: "a refund that WeChat does not find ends while a request is in flight",
        changes: &[
            Change {
                file: "order/src/refund.rs",
                find: "if later || !refund.in_flight.is_empty() {",
                replace: "if later {",
            },
            Change {
                file: "order/src/machine.rs",
                find: "let is_current = revision == self.revision;",
                replace: "let is_current = revision <= self.revision;",
            },
        ],
    },
    Mutant {
        name: "a pointer to a merchant counts without the merchant's own shard",
        changes: &[
            Change {
                file: "gateway/src/merchants/shards.rs",
                find: "        match in_shard(runtime, Shard::of(&pointer.merchant_id), None, call).await? {
            Answer::NotFound => {}",
                replace: "        let id = pointer.merchant_id;
        let by_id = Call::ById { id: id.clone() };
        let call = match call { Call::ByApiKey { .. } => &by_id, call => call };
        match in_shard(runtime, Shard::of(&id), None, call).await? {
            Answer::NotFound => {}",
            },
        ],
    },
    Mutant {
        name: "an order's deliveries do not wait for each other",
        changes: &[
            Change {
                file: "gateway/src/book/deliveries.rs",
                find: ") THEN coalesce(due_at_ms, ?2) END",
                replace: ") OR 1 THEN coalesce(due_at_ms, ?2) END",
            },
        ],
    },
    Mutant {
        name: "an order that cannot be read stops every timer",
        changes: &[
            Change {
                file: "gateway/src/book/orders.rs",
                find: "Err(error) => self.set_aside(text, &error.to_string())?,",
                replace: "Err(error) => return Err(error),",
            },
        ],
    },
    Mutant {
        name: "a delivery that cannot be read stops every delivery",
        changes: &[
            Change {
                file: "gateway/src/book/deliveries.rs",
                find: "let due = self.read_due(id);",
                replace: "let due: Result<Due, StorageError> = Ok(self.read_due(id)?);",
            },
        ],
    },
    Mutant {
        name: "a row that cannot be read raises no alarm",
        changes: &[
            Change {
                file: "gateway/src/book/alarms.rs",
                find: "for key in self.unreadable.take() {",
                replace: "for key in self.unreadable.take().into_iter().take(0) {",
            },
        ],
    },
    Mutant {
        name: "an alarm that is raised is not reported to the board",
        changes: &[
            Change {
                file: "gateway/src/book/alarms.rs",
                find: "        self.alarms_changed()
    }

    /// Raises what upstream's",
                replace: "        Ok(())
    }

    /// Raises what upstream's",
            },
        ],
    },
    Mutant {
        name: "a book whose timer did not fire is not called",
        changes: &[
            Change {
                file: "gateway/src/board.rs",
                find: "merchants.push(merchant);",
                replace: "if merchant.is_empty() {
                merchants.push(merchant);
            }",
            },
        ],
    },
    Mutant {
        name: "more requests leave an object than Cloudflare has connections for",
        changes: &[
            Change {
                file: "gateway/src/book/connections.rs",
                find: "const AT_ONCE: usize = 5;",
                replace: "const AT_ONCE: usize = 50;",
            },
            Change {
                file: "gateway/src/book/connections.rs",
                find: "pub const DELIVERIES_AT_ONCE: usize = 2;",
                replace: "pub const DELIVERIES_AT_ONCE: usize = 50;",
            },
        ],
    },
    Mutant {
        name: "deliveries take every slot of an object's requests",
        changes: &[
            Change {
                file: "gateway/src/book/connections.rs",
                find: "pub const DELIVERIES_AT_ONCE: usize = 2;",
                replace: "pub const DELIVERIES_AT_ONCE: usize = 5;",
            },
        ],
    },
    Mutant {
        name: "an alarm checks no order while a delivery is in progress",
        changes: &[
            Change {
                file: "gateway/src/book/mod.rs",
                find: "match deliveries > 0 && may_claim(claimed) {",
                replace: "match deliveries > 9 && may_claim(claimed) {",
            },
        ],
    },
    Mutant {
        name: "an unknown name is looked up each time",
        changes: &[
            Change {
                file: "gateway/src/cache.rs",
                find: "(0..MISSING_MS)",
                replace: "(0..0)",
            },
        ],
    },
    Mutant {
        name: "each refused notice reaches the merchant's book",
        changes: &[
            Change {
                file: "gateway/src/handlers/notify/mod.rs",
                find: "const TOLD_APART_MS: i64 = 10_000;",
                replace: "const TOLD_APART_MS: i64 = 1;",
            },
        ],
    },
    Mutant {
        name: "a flood of refused notices blocks true ones",
        changes: &[
            Change {
                file: "gateway/src/http/rate_limit.rs",
                find: "is_left(\"refused_notices\") || self.directory.knows(id, now_ms)",
                replace: "is_left(\"refused_notices\")",
            },
        ],
    },
    Mutant {
        name: "a flood of notices has every unknown merchant looked up",
        changes: &[
            Change {
                file: "gateway/src/http/rate_limit.rs",
                find: "is_left(\"refused_notices\") || self.directory.knows(id, now_ms)",
                replace: "!id.is_empty()",
            },
        ],
    },
    Mutant {
        name: "a link's purchase without an attempt stays for ever",
        changes: &[
            Change {
                file: "gateway/src/book/links.rs",
                find: "self.insert_checkout(new, Some(untried_until_ms), Some(buy.id.clone()))?",
                replace: "self.insert_checkout(new, None, Some(buy.id.clone()))?",
            },
        ],
    },
    Mutant {
        name: "one address may hold a link's whole stock",
        changes: &[
            Change {
                file: "gateway/src/book/links.rs",
                find: "held + pieces > HELD_BY_ONE.max(stock / 4)",
                replace: "held + pieces > stock",
            },
        ],
    },
    Mutant {
        name: "a number given up in flight blocks the other device",
        changes: &[
            Change {
                file: "gateway/src/book/checkouts.rs",
                find: "                        self.end_attempt(id, attempt)?;
                        Ok(GivenUp::Ended)",
                replace: "                        Ok(GivenUp::Ended)",
            },
        ],
    },
    Mutant {
        name: "a checkout ends after twelve changes of device",
        changes: &[
            Change {
                file: "gateway/src/book/checkouts.rs",
                find: "for n in 2..=MAX_ATTEMPTS {",
                replace: "for n in 2..=ATTEMPTS_AT_ONCE {",
            },
        ],
    },
    Mutant {
        name: "an openid from one merchant's service is valid at another",
        changes: &[
            Change {
                file: "gateway/src/handlers/payer/sign_in.rs",
                find: "(payer.told_by == Some(by)).then_some(payer.openid)",
                replace: "(!by.0.is_empty()).then_some(payer.openid)",
            },
        ],
    },
    Mutant {
        name: "a book whose database refuses once sets no further alarm",
        changes: &[
            Change {
                file: "gateway/src/book/mod.rs",
                find: "                self.runtime.log(format_args!(\"alarm: {error}\"));
                self.runtime.now_ms() + FAILED_MS
            }
        };
        self.write_counters();",
                replace: "                self.runtime.log(format_args!(\"alarm: {error}\"));
                return;
            }
        };
        self.write_counters();",
            },
        ],
    },
    Mutant {
        name: "a Quick Pay is sent although it was not written",
        changes: &[
            Change {
                file: "gateway/src/book/quick_pay.rs",
                find: "if let Some(order) = self.place(context, new.terms)? {",
                replace: "if let Ok(Some(order)) = self.place(context, new.terms) {",
            },
        ],
    },
    Mutant {
        name: "a time-out runs while a request waits in the queue",
        changes: &[Change {
            file: "gateway/src/book/connections.rs",
            find: "        let _place = self.place(route).await?;
",
            replace: "        let patience = self.runtime.sleep(route.timeout_ms());
        let _place = match select(pin!(self.place(route)), pin!(patience)).await {
            Either::Left((place, _)) => place?,
            Either::Right(_) => return Err(FetchError::TimedOut),
        };
",
        }],
    },
];
