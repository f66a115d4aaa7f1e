// Generated from wxauth.js.
'use strict';
var assign = Object.assign;
var ACTIONS = /^(login|refetch|tap|signup|retry|fix)$/;
var FIX = /^(40[056]|41[35]|422)$/;
var RETRY = /^(408|429|50[234])$/;
var AT_ONCE = 10;
var CODE_LIFE = 4 * 60 * 1000;
var REPEATS = 5;
var GRACE = 1000;
var LOOK = 2000;
var OFFLINE = 'no network';
var PORTAL = 'captive_portal';
var NO_CODE = 'wx_login_failed';
var LOGIN = 'login/';
var JSON_BODY = { 'content-type': 'application/json' };
var REFUSALS = {
    102: ['fix', 'no_permission'],
    112: ['fix', 'privacy_not_declared'],
    1400001: ['stop', 'phone_quota'],
};
var OPTIONS = {
    string: 'baseURL appid',
    object: 'baseURL cloud origins wx',
    function: 'transport upload unwrap isUnauthorized trace wx',
    boolean: 'signup checkSession prefetch',
    number: 'patience timeout',
};
var states = [];
var need = function (good, name) {
    if (!good)
        throw TypeError("wxauth: wrong option ".concat(name));
};
var isString = function (value) { return typeof value === 'string'; };
var given = function (value) { return Promise.resolve(value); };
var succeed = function (data, status) { return ({ ok: true, action: 'ok', status: status, data: data }); };
var fail = function (action, code, detail, more) { return (assign({ ok: false, action: action, code: code, detail: detail || '', status: 0 }, more)); };
var toError = function (result) { return (assign(Error(result.detail || result.code), result, { name: 'WxauthError', result: result })); };
var toResult = function (error) {
    if (!error.result)
        throw error;
    return error.result;
};
var bearer = function (token) { return ({ Authorization: "Bearer ".concat(token) }); };
var origin = function (url) { return (/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(url) || [''])[0].toLowerCase(); };
var parse = function (data) {
    try {
        return /^[{[]/.test(data) ? JSON.parse(data) : data;
    }
    catch (error) {
        return data;
    }
};
var retryAfter = function (res, body) {
    var header = res.header || {};
    var name = Object.keys(header).filter(function (key) { return /^retry-after$/i.test(key); })[0];
    var seconds = parseFloat(body && body.retry_after !== undefined ? body.retry_after : header[name]);
    return seconds >= 0 ? seconds : undefined;
};
var refusal = function (detail) {
    var said = detail.errMsg || '';
    if (detail.code || detail.encryptedData || detail.avatarUrl)
        return null;
    var _a = REFUSALS[/no permission/.test(said) ? 102 : detail.errno]
        || ['stop', /privacy/i.test(said) ? 'privacy_refused' : /deny|cancel/i.test(said) ? 'user_denied' : 'wx_failed'], action = _a[0], code = _a[1];
    return fail(action, code, said);
};
var isLogin = function (data) { return isString(data.token) && data.expires_in > 0; };
var isUser = function (data) { return isString(data.id); };
var expect = function (result, isOurs) { return (!result.ok || isOurs(result.data || {}) ? result
    : fail('fix', 'not_wxauth', 'See the options baseURL and unwrap.', pick(result, ['status', 'data']))); };
var pick = function (source, names) {
    var taken = {};
    names.forEach(function (name) {
        if (source[name])
            taken[name] = source[name];
    });
    return taken;
};
var create = function (options) {
    Object.keys(options).forEach(function (name) { return need(options[name] === undefined
        || " ".concat(OPTIONS[typeof options[name]], " ").indexOf(" ".concat(name, " ")) >= 0, name); });
    var urls = options.baseURL;
    (urls && typeof urls === 'object' ? [urls.develop, urls.trial, urls.release] : [urls])
        .forEach(function (url) { return need(/^(https?:\/)?\//.test("".concat(url)), 'baseURL'); });
    var timeout = options.timeout || 15000;
    var trace = options.trace || (function () { });
    var mine;
    var platform = function () { return options.wx || wx; };
    var account = function () {
        try {
            return platform().getAccountInfoSync().miniProgram || {};
        }
        catch (error) {
            return {};
        }
    };
    var appid = function () { return options.appid || account().appId; };
    var base = function () { return (typeof urls === 'string' ? urls : urls[account().envVersion || 'release']).replace(/\/+$/, ''); };
    var state = function () {
        if (!mine) {
            var key_1 = "wxauth ".concat(appid(), " ").concat(base());
            mine = states.filter(function (one) { return one.key === key_1 && one.wx === platform(); })[0];
            if (!mine)
                states.push(mine = { key: key_1, wx: platform(), era: 0, running: 0, waiting: [] });
        }
        return mine;
    };
    var address = function (url) {
        need(isString(url), 'url');
        if (origin(url))
            return url;
        return /^\//.test(url) ? origin(base()) + url : "".concat(base(), "/").concat(url);
    };
    var isOurs = function (url) { return [base()].concat(options.origins || []).some(function (one) { return origin(one) === origin(url); }); };
    var load = function () {
        var app = state();
        if (!app.held) {
            try {
                app.held = platform().getStorageSync(app.key);
            }
            catch (error) {
            }
            if (!app.held || !(app.held.out || isString(app.held.token)))
                app.held = {};
        }
        return app.held;
    };
    var save = function (value, owed) {
        var app = state();
        var debts = owed || load().owed || [];
        app.held = assign({}, value, { owed: debts.length ? debts : undefined });
        try {
            platform().removeStorageSync(app.key);
            if (app.held.out || app.held.token)
                platform().setStorageSync(app.key, app.held);
        }
        catch (error) {
        }
    };
    var remaining = function () {
        var _a = load(), token = _a.token, life = _a.life, at = _a.at;
        return token ? life - (Date.now() - at) / 1000 : 0;
    };
    var isFresh = function () { return remaining() > Math.min(60, load().life / 10); };
    var call = function (method, fields, hold) {
        return new Promise(function (resolve) {
            var task;
            var timers = [
                setTimeout(function () {
                    lose({ errMsg: 'timeout' });
                    if (task && task.abort)
                        task.abort();
                }, fields.timeout + GRACE),
                setTimeout(function () { return isOffline().then(function (yes) { return yes && lose({ errMsg: OFFLINE }); }); }, LOOK),
            ];
            var end = function (res) {
                timers.forEach(function (timer) { return clearTimeout(timer); });
                resolve(res);
            };
            var lose = function (error) {
                end({ statusCode: 0, data: null, errMsg: (error && error.errMsg) || String(error) });
            };
            try {
                task = method(assign({}, fields, { success: end, fail: lose, complete: undefined }));
                if (task && task.then)
                    task.then(function (res) { return res && end(res); }, lose);
                if (task && hold)
                    hold(task);
            }
            catch (error) {
                lose(error);
            }
        });
    };
    var ask = function (name, fields) { return call(function (wanted) { return platform()[name](wanted); }, assign({ timeout: timeout }, fields)); };
    var isOffline = function () { return ask('getNetworkType', { timeout: 0 }).then(function (res) { return res.networkType === 'none'; }); };
    var send = function (transport, request, hold) {
        var app = state();
        return new Promise(function (resolve) {
            var start = function () {
                app.running += 1;
                call(transport, request, hold).then(function (res) {
                    app.running -= 1;
                    if (app.waiting.length)
                        app.waiting.shift()();
                    resolve(res);
                });
            };
            if (app.running < AT_ONCE)
                start();
            else
                app.waiting.push(start);
        });
    };
    var post = function (path, data, header) { return send(fetcher(), {
        url: address(path), method: 'POST', header: assign({}, JSON_BODY, header),
        data: data,
        timeout: timeout,
    }); };
    var fetcher = function () {
        var cloud = options.cloud, transport = options.transport;
        return transport || (function (request) { return (cloud
            ? platform().cloud.callContainer(assign({}, request, {
                path: request.url,
                config: { env: cloud.env },
                header: assign({ 'X-WX-SERVICE': cloud.service }, request.header),
            }))
            : platform().request(request)); });
    };
    var uploader = function () {
        need(options.upload || !options.cloud, 'upload');
        return options.upload || (function (request) { return platform().uploadFile(request); });
    };
    var read = function (res, isText) {
        var status = res.statusCode;
        if (!status)
            return fail('retry', 'network', res.errMsg);
        var whole = assign({}, res, { data: parse(res.data) });
        var good = status >= 200 && status < 300;
        var wrong;
        var consult = function (name, otherwise) {
            try {
                if (options[name])
                    return options[name](whole);
            }
            catch (error) {
                wrong = "".concat(name, ": ").concat(error.message);
            }
            return otherwise;
        };
        if (good && !isText && /^\s*</.test(whole.data))
            return fail('retry', PORTAL, '', { status: status });
        var body = consult('unwrap', whole.data);
        var isOut = consult('isUnauthorized', status === 401);
        var more = { status: status, data: body };
        if (good && wrong)
            return fail('fix', 'option_failed', wrong, more);
        var speaks = body && isString(body.code) && isString(body.action);
        if (isOut)
            return fail('login', speaks ? body.code : 'unauthorized', speaks && body.detail, more);
        var refused = speaks && (!good || options.unwrap);
        if (good && !refused)
            return succeed(body, status);
        var action = FIX.test(status) ? 'fix' : RETRY.test(status) ? 'retry' : 'stop';
        if (refused) {
            action = ACTIONS.test(body.action) ? body.action : 'stop';
            if (body.field)
                more.field = body.field;
        }
        if (action === 'retry')
            more.retryAfter = retryAfter(res, body);
        return fail(action, refused ? body.code : "http_".concat(status), body && body.detail, more);
    };
    var handle = function (res, header, isText) {
        var result = read(res, isText);
        if (result.action === 'login') {
            var sent = header && (header.Authorization || header.authorization || '').slice(7);
            var kept = load().token;
            if (kept && (!header || sent === kept))
                save();
        }
        return result;
    };
    var report = function (url, result) {
        var status = result.status, action = result.action, code = result.code;
        trace({ step: 'answer', url: url, status: status, action: action, code: code });
        if (status && load().owed)
            settle();
        return result;
    };
    var insist = function (url, attempt, isHarmless, isOver) {
        var left = options.patience === undefined ? 20 : options.patience;
        var repeats = 0;
        var renewed;
        var isWorthIt = function (_a) {
            var status = _a.status, code = _a.code, asked = _a.retryAfter;
            var seconds = asked === undefined ? 1 << repeats : asked;
            repeats += 1;
            var isServersWord = !/^(network|http_)/.test(code);
            if (!(isHarmless || isServersWord) || seconds > left || repeats > REPEATS)
                return false;
            if (code === PORTAL || code === NO_CODE)
                return false;
            left -= seconds;
            if (!status)
                repeats = REPEATS;
            return (status ? given() : isOffline()).then(function (yes) {
                if (yes)
                    return false;
                trace({ step: 'wait', seconds: seconds, code: code });
                var spread = seconds * Math.random() * 250;
                return new Promise(function (resolve) { setTimeout(resolve, seconds * 1000 + spread, true); });
            });
        };
        var once = function (renew) {
            return attempt(renew).then(function (result) {
                var action = result.action, code = result.code;
                var worth = action === 'login' ? !renewed : action === 'retry' && isWorthIt(result);
                return given(worth).then(function (yes) {
                    if (!yes || isOver(action))
                        return result;
                    trace({ step: 'repeat', url: url, code: code });
                    renewed = renewed || action === 'login';
                    return once(action === 'login');
                });
            });
        };
        return once();
    };
    var share = function (slot, job) {
        var app = state();
        var done = function (result) {
            if (app[slot] === coming)
                app[slot] = null;
            return result;
        };
        var coming = app[slot] || job().then(done);
        app[slot] = coming;
        return coming;
    };
    var takeCode = function () {
        var app = state();
        var ready = app.ahead;
        app.ahead = null;
        return ready && Date.now() - ready.at < CODE_LIFE ? given(ready) : ask('login');
    };
    var exchange = function (fields) {
        var app = state();
        var begun = app.era;
        var isOver = function () { return begun !== app.era; };
        var got;
        return insist(LOGIN, function (renew) {
            var at = Date.now();
            return (got && !renew ? given(got) : takeCode()).then(function (taken) {
                var code = taken.code, errMsg = taken.errMsg;
                if (!code)
                    return fail('retry', errMsg === OFFLINE ? 'network' : NO_CODE, errMsg);
                got = taken;
                trace({ step: 'login' });
                return post(LOGIN, assign({ code: code, appid: appid() }, fields)).then(function (res) {
                    var result = report(LOGIN, expect(read(res), isLogin));
                    if (isOver())
                        return fail('login', 'logged_out');
                    if (result.ok) {
                        var _a = result.data, fresh = _a.token, life = _a.expires_in;
                        save({ token: fresh, life: life, at: at });
                        if (options.prefetch)
                            ask('setBackgroundFetchToken', { token: fresh });
                        app.checked = given();
                    }
                    return result;
                });
            });
        }, true, isOver);
    };
    var begin = function (fields) {
        state().silent = null;
        return share('silent', function () { return exchange(fields); });
    };
    var loginSilently = function () { return share('silent', function () { return exchange(options.signup === false ? { signup: false } : {}); }); };
    var loginBy = function (fields) {
        var paid = load().owed ? settle() : given();
        if (load().out)
            save();
        return paid.then(function () { return state().silent; }).then(function (result) {
            var plain = !Object.keys(fields).length;
            return plain && result && /ok|retry/.test(result.action) ? result : begin(fields);
        });
    };
    var login = function (wanted) { return share('asked', function () { return loginBy(pick(wanted || {}, ['extra'])); }); };
    var checkLaunch = function () {
        var app = state();
        if (!options.checkSession || !load().token)
            return given();
        app.checked = app.checked || ask('checkSession').then(function (_a) {
            var errMsg = _a.errMsg;
            if (/:fail/.test(errMsg))
                save();
        });
        return app.checked;
    };
    var token = function () {
        return checkLaunch().then(function () {
            var kept = load();
            if (isFresh())
                return kept.token;
            if (kept.out)
                throw toError(fail('login', 'logged_out'));
            return loginSilently().then(function (result) {
                if (result.ok)
                    return result.data.token;
                if (remaining() > 0)
                    return load().token;
                throw toError(result);
            });
        });
    };
    var header = function () { return token().then(bearer); };
    var probe = function () {
        if (load().out)
            return given(fail('login', 'logged_out'));
        return (isFresh() ? given(succeed(null, 0)) : begin({ signup: false })).then(function (result) { return (result.ok || result.action === 'signup' ? succeed({ registered: result.ok }, result.status) : result); });
    };
    var prepare = function () {
        var app = state();
        return isFresh() || app.ahead ? given() : ask('login').then(function (_a) {
            var code = _a.code;
            if (code)
                app.ahead = { code: code, at: Date.now() };
        });
    };
    var logout = function (wanted) {
        var app = state();
        var all = !!(wanted && wanted.all);
        var old = load();
        app.era += 1;
        app.silent = app.asked = app.ahead = null;
        save({ out: true }, (old.owed || []).concat(old.token ? old : []).map(function (one) { return ({ token: one.token, all: one.all || all }); }));
        return settle();
    };
    var settle = function () {
        var once = function () {
            var owed = load().owed;
            if (!owed)
                return given(succeed(null, 0));
            var path = owed[0].all ? 'logout/all/' : 'logout/';
            return post(path, {}, bearer(owed[0].token)).then(function (res) {
                var result = report(path, read(res));
                if (!result.ok && result.action !== 'login')
                    return result;
                save(load(), load().owed.slice(1));
                return once();
            });
        };
        return share('settling', once);
    };
    var perform = function (transport, wanted) {
        var request = assign({ timeout: 60000 }, wanted, { url: address(wanted.url) });
        var url = request.url;
        var ours = isOurs(url);
        var isText = !ours || (request.dataType && request.dataType !== 'json');
        var isHarmless = request.repeatable || /^(GET|HEAD)$/i.test(request.method || 'GET');
        var watchers = [];
        var over, sent, task, last, stop;
        var isOver = function (action) { return over || (action === 'login' && !sent); };
        var credentials = function () {
            if (ours && !request.guest)
                return header();
            return given(ours && isFresh() ? bearer(load().token) : {});
        };
        var hold = function (begun) {
            task = begun;
            if (task.onProgressUpdate)
                task.onProgressUpdate(function (news) { return watchers.forEach(function (tell) { return tell(news); }); });
        };
        var attempt = function () {
            return credentials().then(function (extra) {
                var wire = assign({}, request, { header: assign({}, request.header, extra) });
                sent = extra.Authorization;
                return send(function (fields) { return (over ? fields.fail() : transport(fields)); }, wire, hold).then(function (res) {
                    last = res;
                    var result = report(url, ours ? handle(res, extra, isText) : read(res, isText));
                    return result.action === 'refetch' && ours ? loginSilently().then(function () { return result; }) : result;
                });
            });
        };
        var left = new Promise(function (resolve) { stop = resolve; });
        var promise = assign(Promise.race([insist(url, attempt, isHarmless, isOver).catch(toResult), left]), {
            abort: function () {
                over = true;
                stop(fail('stop', 'abort'));
                if (task && task.abort)
                    task.abort();
            },
            onProgressUpdate: function (watcher) { watchers.push(watcher); },
        });
        promise.then(function (_a) {
            var code = _a.code;
            var res = last || { errMsg: "request:fail ".concat(code) };
            [res.statusCode ? request.success : request.fail, request.complete]
                .forEach(function (callback) { return callback && given(res).then(callback); });
        }, function () { });
        return promise;
    };
    var request = function (wanted) { return perform(fetcher(), wanted); };
    var upload = function (wanted) { return perform(uploader(), assign({ name: 'file' }, wanted, { method: 'POST' })); };
    var change = function (path, data) { return request({ url: path, method: 'POST', header: JSON_BODY, data: data, repeatable: true })
        .then(function (result) { return expect(result, isUser); }); };
    var byTap = function (result) { return (result.action === 'refetch' ? assign({}, result, { action: 'tap' }) : result); };
    var take = function (event, use) {
        need(event && event.detail, 'event');
        var no = refusal(event.detail);
        return no ? given(no) : use(event.detail);
    };
    var phoneFields = function (detail) {
        var fields = pick(detail, ['encryptedData', 'iv']);
        if (detail.code)
            fields.phone_code = detail.code;
        return fields;
    };
    var bindPhone = function (event) { return take(event, function (detail) { return change('me/phone/', phoneFields(detail)).then(byTap); }); };
    var loginWithPhone = function (event, extra) { return take(event, function (detail) { return (loginBy(assign(phoneFields(detail), pick({ extra: extra }, ['extra'])))); }); };
    var getUserInfo = function (event) {
        var give = function (got) { return change('me/userinfo/', pick(got, ['encryptedData', 'iv', 'rawData', 'signature'])); };
        if (event)
            return take(event, give).then(byTap);
        var fetchAndSend = function () { return token().then(function () { return ask('getUserInfo', { withCredentials: true }); })
            .then(function (got) { return refusal(got) || give(got); }); };
        return fetchAndSend().then(function (result) { return (result.action === 'refetch' ? fetchAndSend() : result); })
            .catch(toResult);
    };
    var setNickname = function (nickname) { return change('me/', { nickname: nickname }); };
    var uploadAvatar = function (event) { return take(event, function (detail) { return upload({
        url: 'me/avatar/', filePath: detail.avatarUrl, name: 'avatar', repeatable: true,
    }); }); };
    return {
        login: login,
        token: token,
        header: header,
        handle: handle,
        request: request,
        upload: upload,
        probe: probe,
        prepare: prepare,
        logout: logout,
        loginWithPhone: loginWithPhone,
        bindPhone: bindPhone,
        getUserInfo: getUserInfo,
        setNickname: setNickname,
        uploadAvatar: uploadAvatar,
    };
};
module.exports = { create: create };
