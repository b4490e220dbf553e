//! `host.collectionGet` and its like: what the library's `collections.js` asks of the host.

use std::rc::Rc;

use rquickjs::{Ctx, Function, IntoJs, Object, Result};

use crate::host::{Failure, Host, ItemQuery};

pub(crate) fn install<'js>(
    ctx: &Ctx<'js>,
    bindings: &Object<'js>,
    host: &Rc<dyn Host>,
) -> Result<()> {
    bindings.set("collectionGet", get(ctx, host)?)?;
    bindings.set("collectionList", list(ctx, host)?)?;
    bindings.set("collectionSet", set(ctx, host)?)?;
    bindings.set("collectionRemove", remove(ctx, host)?)?;
    Ok(())
}

fn get<'js>(ctx: &Ctx<'js>, host: &Rc<dyn Host>) -> Result<Function<'js>> {
    let host = Rc::clone(host);
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, collection: String, key: String| {
            answer(&ctx, host.collection_get(&collection, &key))
        },
    )
}

fn list<'js>(ctx: &Ctx<'js>, host: &Rc<dyn Host>) -> Result<Function<'js>> {
    let host = Rc::clone(host);
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>,
              collection: String,
              keys: String,
              moments: Vec<Option<f64>>,
              limit: f64,
              cursor: Option<String>| {
            let limit = limit.clamp(0.0, f64::from(u32::MAX)) as u32;
            let page = host.collection_list(
                &collection,
                &query(keys, &moments),
                limit,
                cursor.as_deref(),
            );
            let page = page.map(|page| {
                let pairs: Vec<Vec<String>> = page
                    .items
                    .into_iter()
                    .map(|(key, value)| vec![key, value])
                    .collect();
                (pairs, page.cursor)
            });
            match page {
                Ok((items, cursor)) => {
                    let page = Object::new(ctx.clone())?;
                    page.set("items", items)?;
                    page.set("cursor", cursor)?;
                    answer(&ctx, Ok(page))
                }
                Err(failure) => answer::<Object<'js>>(&ctx, Err(failure)),
            }
        },
    )
}

fn set<'js>(ctx: &Ctx<'js>, host: &Rc<dyn Host>) -> Result<Function<'js>> {
    let host = Rc::clone(host);
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, collection: String, items: Vec<Vec<String>>| {
            let pair = |item: Vec<String>| {
                let mut parts = item.into_iter();
                Some((parts.next()?, parts.next()?))
            };
            answer(
                &ctx,
                host.collection_set(&collection, items.into_iter().filter_map(pair).collect()),
            )
        },
    )
}

fn remove<'js>(ctx: &Ctx<'js>, host: &Rc<dyn Host>) -> Result<Function<'js>> {
    let host = Rc::clone(host);
    Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, collection: String, keys: String, moments: Vec<Option<f64>>| {
            answer(
                &ctx,
                host.collection_remove(&collection, &query(keys, &moments)),
            )
        },
    )
}

/// The moments in the order of `collections.js`.
fn query(keys: String, moments: &[Option<f64>]) -> ItemQuery {
    let moment = |at: usize| {
        moments
            .get(at)
            .copied()
            .flatten()
            .map(|ms| ms.max(0.0) as u64)
    };
    ItemQuery {
        keys,
        created_before: moment(0),
        created_after: moment(1),
        updated_before: moment(2),
        updated_after: moment(3),
    }
}

/// `{ data }`, or `{ failure: { code, message } }`.
pub(crate) fn answer<'js, T: IntoJs<'js>>(
    ctx: &Ctx<'js>,
    answered: std::result::Result<T, Failure>,
) -> Result<Object<'js>> {
    let result = Object::new(ctx.clone())?;
    match answered {
        Ok(data) => result.set("data", data)?,
        Err(failure) => {
            let described = Object::new(ctx.clone())?;
            described.set("code", failure.code)?;
            described.set("message", failure.message)?;
            result.set("failure", described)?;
        }
    }
    Ok(result)
}
