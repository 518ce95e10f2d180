// Made by scripts/page_bundles from the modules in the folder above. Do not edit.

// backend/interfaces/http/player/static/view/draw_once.js
function oncePerFrame(paint) {
  let pending = false;
  return () => {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      paint();
    });
  };
}

// backend/interfaces/http/player/static/vendor/htm-preact.js
var e;
var n;
var _;
var t;
var o;
var r;
var u;
var l = {};
var i = [];
var c = /acit|ex(?:s|g|n|p|$)|rph|grid|ows|mnc|ntw|ine[ch]|zoo|^ord|itera/i;
function s(e2, n2) {
  for (var _2 in n2) e2[_2] = n2[_2];
  return e2;
}
function f(e2) {
  var n2 = e2.parentNode;
  n2 && n2.removeChild(e2);
}
function a(n2, _2, t2) {
  var o2, r2, u2, l2 = {};
  for (u2 in _2) "key" == u2 ? o2 = _2[u2] : "ref" == u2 ? r2 = _2[u2] : l2[u2] = _2[u2];
  if (arguments.length > 2 && (l2.children = arguments.length > 3 ? e.call(arguments, 2) : t2), "function" == typeof n2 && null != n2.defaultProps) for (u2 in n2.defaultProps) void 0 === l2[u2] && (l2[u2] = n2.defaultProps[u2]);
  return p(n2, l2, o2, r2, null);
}
function p(e2, t2, o2, r2, u2) {
  var l2 = { type: e2, props: t2, key: o2, ref: r2, __k: null, __: null, __b: 0, __e: null, __d: void 0, __c: null, __h: null, constructor: void 0, __v: null == u2 ? ++_ : u2 };
  return null != n.vnode && n.vnode(l2), l2;
}
function h(e2) {
  return e2.children;
}
function d(e2, n2) {
  this.props = e2, this.context = n2;
}
function v(e2, n2) {
  if (null == n2) return e2.__ ? v(e2.__, e2.__.__k.indexOf(e2) + 1) : null;
  for (var _2; n2 < e2.__k.length; n2++) if (null != (_2 = e2.__k[n2]) && null != _2.__e) return _2.__e;
  return "function" == typeof e2.type ? v(e2) : null;
}
function y(e2) {
  var n2, _2;
  if (null != (e2 = e2.__) && null != e2.__c) {
    for (e2.__e = e2.__c.base = null, n2 = 0; n2 < e2.__k.length; n2++) if (null != (_2 = e2.__k[n2]) && null != _2.__e) {
      e2.__e = e2.__c.base = _2.__e;
      break;
    }
    return y(e2);
  }
}
function m(e2) {
  (!e2.__d && (e2.__d = true) && t.push(e2) && !g.__r++ || r !== n.debounceRendering) && ((r = n.debounceRendering) || o)(g);
}
function g() {
  for (var e2; g.__r = t.length; ) e2 = t.sort(function(e3, n2) {
    return e3.__v.__b - n2.__v.__b;
  }), t = [], e2.some(function(e3) {
    var n2, _2, t2, o2, r2, u2;
    e3.__d && (r2 = (o2 = (n2 = e3).__v).__e, (u2 = n2.__P) && (_2 = [], (t2 = s({}, o2)).__v = o2.__v + 1, P(u2, o2, t2, n2.__n, void 0 !== u2.ownerSVGElement, null != o2.__h ? [r2] : null, _2, null == r2 ? v(o2) : r2, o2.__h), D(_2, o2), o2.__e != r2 && y(o2)));
  });
}
function k(e2, n2, _2, t2, o2, r2, u2, c2, s2, f2) {
  var a2, d2, y2, m2, g2, k2, x2, H2 = t2 && t2.__k || i, E2 = H2.length;
  for (_2.__k = [], a2 = 0; a2 < n2.length; a2++) if (null != (m2 = _2.__k[a2] = null == (m2 = n2[a2]) || "boolean" == typeof m2 ? null : "string" == typeof m2 || "number" == typeof m2 || "bigint" == typeof m2 ? p(null, m2, null, null, m2) : Array.isArray(m2) ? p(h, { children: m2 }, null, null, null) : m2.__b > 0 ? p(m2.type, m2.props, m2.key, null, m2.__v) : m2)) {
    if (m2.__ = _2, m2.__b = _2.__b + 1, null === (y2 = H2[a2]) || y2 && m2.key == y2.key && m2.type === y2.type) H2[a2] = void 0;
    else for (d2 = 0; d2 < E2; d2++) {
      if ((y2 = H2[d2]) && m2.key == y2.key && m2.type === y2.type) {
        H2[d2] = void 0;
        break;
      }
      y2 = null;
    }
    P(e2, m2, y2 = y2 || l, o2, r2, u2, c2, s2, f2), g2 = m2.__e, (d2 = m2.ref) && y2.ref != d2 && (x2 || (x2 = []), y2.ref && x2.push(y2.ref, null, m2), x2.push(d2, m2.__c || g2, m2)), null != g2 ? (null == k2 && (k2 = g2), "function" == typeof m2.type && null != m2.__k && m2.__k === y2.__k ? m2.__d = s2 = b(m2, s2, e2) : s2 = C(e2, m2, y2, H2, g2, s2), f2 || "option" !== _2.type ? "function" == typeof _2.type && (_2.__d = s2) : e2.value = "") : s2 && y2.__e == s2 && s2.parentNode != e2 && (s2 = v(y2));
  }
  for (_2.__e = k2, a2 = E2; a2--; ) null != H2[a2] && ("function" == typeof _2.type && null != H2[a2].__e && H2[a2].__e == _2.__d && (_2.__d = v(t2, a2 + 1)), U(H2[a2], H2[a2]));
  if (x2) for (a2 = 0; a2 < x2.length; a2++) T(x2[a2], x2[++a2], x2[++a2]);
}
function b(e2, n2, _2) {
  var t2, o2;
  for (t2 = 0; t2 < e2.__k.length; t2++) (o2 = e2.__k[t2]) && (o2.__ = e2, n2 = "function" == typeof o2.type ? b(o2, n2, _2) : C(_2, o2, o2, e2.__k, o2.__e, n2));
  return n2;
}
function C(e2, n2, _2, t2, o2, r2) {
  var u2, l2, i2;
  if (void 0 !== n2.__d) u2 = n2.__d, n2.__d = void 0;
  else if (null == _2 || o2 != r2 || null == o2.parentNode) e: if (null == r2 || r2.parentNode !== e2) e2.appendChild(o2), u2 = null;
  else {
    for (l2 = r2, i2 = 0; (l2 = l2.nextSibling) && i2 < t2.length; i2 += 2) if (l2 == o2) break e;
    e2.insertBefore(o2, r2), u2 = r2;
  }
  return void 0 !== u2 ? u2 : o2.nextSibling;
}
function x(e2, n2, _2) {
  "-" === n2[0] ? e2.setProperty(n2, _2) : e2[n2] = null == _2 ? "" : "number" != typeof _2 || c.test(n2) ? _2 : _2 + "px";
}
function H(e2, n2, _2, t2, o2) {
  var r2;
  e: if ("style" === n2) if ("string" == typeof _2) e2.style.cssText = _2;
  else {
    if ("string" == typeof t2 && (e2.style.cssText = t2 = ""), t2) for (n2 in t2) _2 && n2 in _2 || x(e2.style, n2, "");
    if (_2) for (n2 in _2) t2 && _2[n2] === t2[n2] || x(e2.style, n2, _2[n2]);
  }
  else if ("o" === n2[0] && "n" === n2[1]) r2 = n2 !== (n2 = n2.replace(/Capture$/, "")), n2 = n2.toLowerCase() in e2 ? n2.toLowerCase().slice(2) : n2.slice(2), e2.l || (e2.l = {}), e2.l[n2 + r2] = _2, _2 ? t2 || e2.addEventListener(n2, r2 ? S : E, r2) : e2.removeEventListener(n2, r2 ? S : E, r2);
  else if ("dangerouslySetInnerHTML" !== n2) {
    if (o2) n2 = n2.replace(/xlink[H:h]/, "h").replace(/sName$/, "s");
    else if ("href" !== n2 && "list" !== n2 && "form" !== n2 && "tabIndex" !== n2 && "download" !== n2 && n2 in e2) try {
      e2[n2] = null == _2 ? "" : _2;
      break e;
    } catch (e3) {
    }
    "function" == typeof _2 || (null != _2 && (false !== _2 || "a" === n2[0] && "r" === n2[1]) ? e2.setAttribute(n2, _2) : e2.removeAttribute(n2));
  }
}
function E(e2) {
  this.l[e2.type + false](n.event ? n.event(e2) : e2);
}
function S(e2) {
  this.l[e2.type + true](n.event ? n.event(e2) : e2);
}
function P(e2, _2, t2, o2, r2, u2, l2, i2, c2) {
  var f2, a2, p2, v2, y2, m2, g2, b2, C2, x2, H2, E2 = _2.type;
  if (void 0 !== _2.constructor) return null;
  null != t2.__h && (c2 = t2.__h, i2 = _2.__e = t2.__e, _2.__h = null, u2 = [i2]), (f2 = n.__b) && f2(_2);
  try {
    e: if ("function" == typeof E2) {
      if (b2 = _2.props, C2 = (f2 = E2.contextType) && o2[f2.__c], x2 = f2 ? C2 ? C2.props.value : f2.__ : o2, t2.__c ? g2 = (a2 = _2.__c = t2.__c).__ = a2.__E : ("prototype" in E2 && E2.prototype.render ? _2.__c = a2 = new E2(b2, x2) : (_2.__c = a2 = new d(b2, x2), a2.constructor = E2, a2.render = A), C2 && C2.sub(a2), a2.props = b2, a2.state || (a2.state = {}), a2.context = x2, a2.__n = o2, p2 = a2.__d = true, a2.__h = []), null == a2.__s && (a2.__s = a2.state), null != E2.getDerivedStateFromProps && (a2.__s == a2.state && (a2.__s = s({}, a2.__s)), s(a2.__s, E2.getDerivedStateFromProps(b2, a2.__s))), v2 = a2.props, y2 = a2.state, p2) null == E2.getDerivedStateFromProps && null != a2.componentWillMount && a2.componentWillMount(), null != a2.componentDidMount && a2.__h.push(a2.componentDidMount);
      else {
        if (null == E2.getDerivedStateFromProps && b2 !== v2 && null != a2.componentWillReceiveProps && a2.componentWillReceiveProps(b2, x2), !a2.__e && null != a2.shouldComponentUpdate && false === a2.shouldComponentUpdate(b2, a2.__s, x2) || _2.__v === t2.__v) {
          a2.props = b2, a2.state = a2.__s, _2.__v !== t2.__v && (a2.__d = false), a2.__v = _2, _2.__e = t2.__e, _2.__k = t2.__k, _2.__k.forEach(function(e3) {
            e3 && (e3.__ = _2);
          }), a2.__h.length && l2.push(a2);
          break e;
        }
        null != a2.componentWillUpdate && a2.componentWillUpdate(b2, a2.__s, x2), null != a2.componentDidUpdate && a2.__h.push(function() {
          a2.componentDidUpdate(v2, y2, m2);
        });
      }
      a2.context = x2, a2.props = b2, a2.state = a2.__s, (f2 = n.__r) && f2(_2), a2.__d = false, a2.__v = _2, a2.__P = e2, f2 = a2.render(a2.props, a2.state, a2.context), a2.state = a2.__s, null != a2.getChildContext && (o2 = s(s({}, o2), a2.getChildContext())), p2 || null == a2.getSnapshotBeforeUpdate || (m2 = a2.getSnapshotBeforeUpdate(v2, y2)), H2 = null != f2 && f2.type === h && null == f2.key ? f2.props.children : f2, k(e2, Array.isArray(H2) ? H2 : [H2], _2, t2, o2, r2, u2, l2, i2, c2), a2.base = _2.__e, _2.__h = null, a2.__h.length && l2.push(a2), g2 && (a2.__E = a2.__ = null), a2.__e = false;
    } else null == u2 && _2.__v === t2.__v ? (_2.__k = t2.__k, _2.__e = t2.__e) : _2.__e = w(t2.__e, _2, t2, o2, r2, u2, l2, c2);
    (f2 = n.diffed) && f2(_2);
  } catch (e3) {
    _2.__v = null, (c2 || null != u2) && (_2.__e = i2, _2.__h = !!c2, u2[u2.indexOf(i2)] = null), n.__e(e3, _2, t2);
  }
}
function D(e2, _2) {
  n.__c && n.__c(_2, e2), e2.some(function(_3) {
    try {
      e2 = _3.__h, _3.__h = [], e2.some(function(e3) {
        e3.call(_3);
      });
    } catch (e3) {
      n.__e(e3, _3.__v);
    }
  });
}
function w(n2, _2, t2, o2, r2, u2, i2, c2) {
  var s2, a2, p2, h2 = t2.props, d2 = _2.props, y2 = _2.type, m2 = 0;
  if ("svg" === y2 && (r2 = true), null != u2) {
    for (; m2 < u2.length; m2++) if ((s2 = u2[m2]) && (s2 === n2 || (y2 ? s2.localName == y2 : 3 == s2.nodeType))) {
      n2 = s2, u2[m2] = null;
      break;
    }
  }
  if (null == n2) {
    if (null === y2) return document.createTextNode(d2);
    n2 = r2 ? document.createElementNS("http://www.w3.org/2000/svg", y2) : document.createElement(y2, d2.is && d2), u2 = null, c2 = false;
  }
  if (null === y2) h2 === d2 || c2 && n2.data === d2 || (n2.data = d2);
  else {
    if (u2 = u2 && e.call(n2.childNodes), a2 = (h2 = t2.props || l).dangerouslySetInnerHTML, p2 = d2.dangerouslySetInnerHTML, !c2) {
      if (null != u2) for (h2 = {}, m2 = 0; m2 < n2.attributes.length; m2++) h2[n2.attributes[m2].name] = n2.attributes[m2].value;
      (p2 || a2) && (p2 && (a2 && p2.__html == a2.__html || p2.__html === n2.innerHTML) || (n2.innerHTML = p2 && p2.__html || ""));
    }
    if ((function(e2, n3, _3, t3, o3) {
      var r3;
      for (r3 in _3) "children" === r3 || "key" === r3 || r3 in n3 || H(e2, r3, null, _3[r3], t3);
      for (r3 in n3) o3 && "function" != typeof n3[r3] || "children" === r3 || "key" === r3 || "value" === r3 || "checked" === r3 || _3[r3] === n3[r3] || H(e2, r3, n3[r3], _3[r3], t3);
    })(n2, d2, h2, r2, c2), p2) _2.__k = [];
    else if (m2 = _2.props.children, k(n2, Array.isArray(m2) ? m2 : [m2], _2, t2, o2, r2 && "foreignObject" !== y2, u2, i2, u2 ? u2[0] : t2.__k && v(t2, 0), c2), null != u2) for (m2 = u2.length; m2--; ) null != u2[m2] && f(u2[m2]);
    c2 || ("value" in d2 && void 0 !== (m2 = d2.value) && (m2 !== n2.value || "progress" === y2 && !m2) && H(n2, "value", m2, h2.value, false), "checked" in d2 && void 0 !== (m2 = d2.checked) && m2 !== n2.checked && H(n2, "checked", m2, h2.checked, false));
  }
  return n2;
}
function T(e2, _2, t2) {
  try {
    "function" == typeof e2 ? e2(_2) : e2.current = _2;
  } catch (e3) {
    n.__e(e3, t2);
  }
}
function U(e2, _2, t2) {
  var o2, r2;
  if (n.unmount && n.unmount(e2), (o2 = e2.ref) && (o2.current && o2.current !== e2.__e || T(o2, null, _2)), null != (o2 = e2.__c)) {
    if (o2.componentWillUnmount) try {
      o2.componentWillUnmount();
    } catch (e3) {
      n.__e(e3, _2);
    }
    o2.base = o2.__P = null;
  }
  if (o2 = e2.__k) for (r2 = 0; r2 < o2.length; r2++) o2[r2] && U(o2[r2], _2, "function" != typeof e2.type);
  t2 || null == e2.__e || f(e2.__e), e2.__e = e2.__d = void 0;
}
function A(e2, n2, _2) {
  return this.constructor(e2, _2);
}
function M(_2, t2, o2) {
  var r2, u2, i2;
  n.__ && n.__(_2, t2), u2 = (r2 = "function" == typeof o2) ? null : o2 && o2.__k || t2.__k, i2 = [], P(t2, _2 = (!r2 && o2 || t2).__k = a(h, null, [_2]), u2 || l, l, void 0 !== t2.ownerSVGElement, !r2 && o2 ? [o2] : u2 ? null : t2.firstChild ? e.call(t2.childNodes) : null, i2, !r2 && o2 ? o2 : u2 ? u2.__e : t2.firstChild, r2), D(i2, _2);
}
e = i.slice, n = { __e: function(e2, n2) {
  for (var _2, t2, o2; n2 = n2.__; ) if ((_2 = n2.__c) && !_2.__) try {
    if ((t2 = _2.constructor) && null != t2.getDerivedStateFromError && (_2.setState(t2.getDerivedStateFromError(e2)), o2 = _2.__d), null != _2.componentDidCatch && (_2.componentDidCatch(e2), o2 = _2.__d), o2) return _2.__E = _2;
  } catch (n3) {
    e2 = n3;
  }
  throw e2;
} }, _ = 0, d.prototype.setState = function(e2, n2) {
  var _2;
  _2 = null != this.__s && this.__s !== this.state ? this.__s : this.__s = s({}, this.state), "function" == typeof e2 && (e2 = e2(s({}, _2), this.props)), e2 && s(_2, e2), null != e2 && this.__v && (n2 && this.__h.push(n2), m(this));
}, d.prototype.forceUpdate = function(e2) {
  this.__v && (this.__e = true, e2 && this.__h.push(e2), m(this));
}, d.prototype.render = h, t = [], o = "function" == typeof Promise ? Promise.prototype.then.bind(Promise.resolve()) : setTimeout, g.__r = 0, u = 0;
var L;
var N;
var W;
var R = 0;
var I = [];
var O = n.__b;
var V = n.__r;
var q = n.diffed;
var B = n.__c;
var $ = n.unmount;
function j(e2, _2) {
  n.__h && n.__h(N, e2, R || _2), R = 0;
  var t2 = N.__H || (N.__H = { __: [], __h: [] });
  return e2 >= t2.__.length && t2.__.push({}), t2.__[e2];
}
function G(e2) {
  return R = 1, z(ie, e2);
}
function z(e2, n2, _2) {
  var t2 = j(L++, 2);
  return t2.t = e2, t2.__c || (t2.__ = [_2 ? _2(n2) : ie(void 0, n2), function(e3) {
    var n3 = t2.t(t2.__[0], e3);
    t2.__[0] !== n3 && (t2.__ = [n3, t2.__[1]], t2.__c.setState({}));
  }], t2.__c = N), t2.__;
}
function J(e2, _2) {
  var t2 = j(L++, 3);
  !n.__s && le(t2.__H, _2) && (t2.__ = e2, t2.__H = _2, N.__H.__h.push(t2));
}
function Q(e2) {
  return R = 5, Y(function() {
    return { current: e2 };
  }, []);
}
function Y(e2, n2) {
  var _2 = j(L++, 7);
  return le(_2.__H, n2) && (_2.__ = e2(), _2.__H = n2, _2.__h = e2), _2.__;
}
function te() {
  I.forEach(function(e2) {
    if (e2.__P) try {
      e2.__H.__h.forEach(re), e2.__H.__h.forEach(ue), e2.__H.__h = [];
    } catch (_2) {
      e2.__H.__h = [], n.__e(_2, e2.__v);
    }
  }), I = [];
}
n.__b = function(e2) {
  N = null, O && O(e2);
}, n.__r = function(e2) {
  V && V(e2), L = 0;
  var n2 = (N = e2.__c).__H;
  n2 && (n2.__h.forEach(re), n2.__h.forEach(ue), n2.__h = []);
}, n.diffed = function(e2) {
  q && q(e2);
  var _2 = e2.__c;
  _2 && _2.__H && _2.__H.__h.length && (1 !== I.push(_2) && W === n.requestAnimationFrame || ((W = n.requestAnimationFrame) || function(e3) {
    var n2, _3 = function() {
      clearTimeout(t2), oe && cancelAnimationFrame(n2), setTimeout(e3);
    }, t2 = setTimeout(_3, 100);
    oe && (n2 = requestAnimationFrame(_3));
  })(te)), N = void 0;
}, n.__c = function(e2, _2) {
  _2.some(function(e3) {
    try {
      e3.__h.forEach(re), e3.__h = e3.__h.filter(function(e4) {
        return !e4.__ || ue(e4);
      });
    } catch (t2) {
      _2.some(function(e4) {
        e4.__h && (e4.__h = []);
      }), _2 = [], n.__e(t2, e3.__v);
    }
  }), B && B(e2, _2);
}, n.unmount = function(e2) {
  $ && $(e2);
  var _2 = e2.__c;
  if (_2 && _2.__H) try {
    _2.__H.__.forEach(re);
  } catch (e3) {
    n.__e(e3, _2.__v);
  }
};
var oe = "function" == typeof requestAnimationFrame;
function re(e2) {
  var n2 = N;
  "function" == typeof e2.__c && e2.__c(), N = n2;
}
function ue(e2) {
  var n2 = N;
  e2.__c = e2.__(), N = n2;
}
function le(e2, n2) {
  return !e2 || e2.length !== n2.length || n2.some(function(n3, _2) {
    return n3 !== e2[_2];
  });
}
function ie(e2, n2) {
  return "function" == typeof n2 ? n2(e2) : n2;
}
var ce = function(e2, n2, _2, t2) {
  var o2;
  n2[0] = 0;
  for (var r2 = 1; r2 < n2.length; r2++) {
    var u2 = n2[r2++], l2 = n2[r2] ? (n2[0] |= u2 ? 1 : 2, _2[n2[r2++]]) : n2[++r2];
    3 === u2 ? t2[0] = l2 : 4 === u2 ? t2[1] = Object.assign(t2[1] || {}, l2) : 5 === u2 ? (t2[1] = t2[1] || {})[n2[++r2]] = l2 : 6 === u2 ? t2[1][n2[++r2]] += l2 + "" : u2 ? (o2 = e2.apply(l2, ce(e2, l2, _2, ["", null])), t2.push(o2), l2[0] ? n2[0] |= 2 : (n2[r2 - 2] = 0, n2[r2] = o2)) : t2.push(l2);
  }
  return t2;
};
var se = /* @__PURE__ */ new Map();
var fe = function(e2) {
  var n2 = se.get(this);
  return n2 || (n2 = /* @__PURE__ */ new Map(), se.set(this, n2)), (n2 = ce(this, n2.get(e2) || (n2.set(e2, n2 = (function(e3) {
    for (var n3, _2, t2 = 1, o2 = "", r2 = "", u2 = [0], l2 = function(e4) {
      1 === t2 && (e4 || (o2 = o2.replace(/^\s*\n\s*|\s*\n\s*$/g, ""))) ? u2.push(0, e4, o2) : 3 === t2 && (e4 || o2) ? (u2.push(3, e4, o2), t2 = 2) : 2 === t2 && "..." === o2 && e4 ? u2.push(4, e4, 0) : 2 === t2 && o2 && !e4 ? u2.push(5, 0, true, o2) : t2 >= 5 && ((o2 || !e4 && 5 === t2) && (u2.push(t2, 0, o2, _2), t2 = 6), e4 && (u2.push(t2, e4, 0, _2), t2 = 6)), o2 = "";
    }, i2 = 0; i2 < e3.length; i2++) {
      i2 && (1 === t2 && l2(), l2(i2));
      for (var c2 = 0; c2 < e3[i2].length; c2++) n3 = e3[i2][c2], 1 === t2 ? "<" === n3 ? (l2(), u2 = [u2], t2 = 3) : o2 += n3 : 4 === t2 ? "--" === o2 && ">" === n3 ? (t2 = 1, o2 = "") : o2 = n3 + o2[0] : r2 ? n3 === r2 ? r2 = "" : o2 += n3 : '"' === n3 || "'" === n3 ? r2 = n3 : ">" === n3 ? (l2(), t2 = 1) : t2 && ("=" === n3 ? (t2 = 5, _2 = o2, o2 = "") : "/" === n3 && (t2 < 5 || ">" === e3[i2][c2 + 1]) ? (l2(), 3 === t2 && (u2 = u2[0]), t2 = u2, (u2 = u2[0]).push(2, 0, t2), t2 = 0) : " " === n3 || "	" === n3 || "\n" === n3 || "\r" === n3 ? (l2(), t2 = 2) : o2 += n3), 3 === t2 && "!--" === o2 && (t2 = 4, u2 = u2[0]);
    }
    return l2(), u2;
  })(e2)), n2), arguments, [])).length > 1 ? n2 : n2[0];
}.bind(a);

// backend/interfaces/http/player/static/server/errors.js
var ApiError = class extends Error {
  /**
   * @param {number} status  HTTP status
   * @param {string} sentence
   * @param {string} wayOut
   */
  constructor(status, sentence, wayOut = "") {
    super(sentence);
    this.status = status;
    this.wayOut = wayOut;
  }
};
var ConnectionLost = class extends Error {
  constructor() {
    super("Masklet does not answer.");
  }
};
function isSignInNeeded(error) {
  return error instanceof ApiError && error.status === 401;
}
function isAborted(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

// backend/interfaces/http/lead/static/state/address.js
var VIEWS = ["tasks", "labels", "people", "queues", "review", "training", "exports"];
var STATES = ["untouched", "prompted", "running", "done", "failed"];
var VERDICTS = ["satisfactory", "redo", "reject", "skipped", "outdated", "none"];
var ORDERS = ["number", "name", "uncertainty", "agreement", "newest"];
var PAGE_SIZE = 60;
var NOWHERE = {
  project: 0,
  view: "tasks",
  state: [],
  verdict: [],
  label: "",
  person: null,
  uncertainty_from: "",
  agreement_to: "",
  text: "",
  order: "number",
  page: 1
};
function placeOf(search) {
  const query = new URLSearchParams(search);
  const text = (name) => query.get(name) ?? "";
  const whole = (name, otherwise) => /^[1-9][0-9]{0,8}$/.test(text(name)) ? Number(text(name)) : otherwise;
  return {
    project: whole("project", 0),
    view: VIEWS.find((each) => each === text("view")) ?? "tasks",
    state: STATES.filter((each) => text("state").split(",").includes(each)),
    verdict: VERDICTS.filter((each) => text("verdict").split(",").includes(each)),
    label: text("label"),
    person: query.get("person"),
    uncertainty_from: text("uncertainty_from"),
    agreement_to: text("agreement_to"),
    text: text("text"),
    order: ORDERS.includes(text("order")) ? text("order") : "number",
    page: whole("page", 1)
  };
}
function filterOf(place) {
  const query = new URLSearchParams();
  if (place.state.length) query.set("state", place.state.join(","));
  if (place.verdict.length) query.set("verdict", place.verdict.join(","));
  if (place.person !== null) query.set("person", place.person);
  for (
    const name of
    /** @type {const} */
    ["label", "uncertainty_from", "agreement_to", "text"]
  ) {
    if (place[name]) query.set(name, place[name]);
  }
  if (place.order !== "number") query.set("order", place.order);
  return query;
}
function listQuery(place) {
  const query = filterOf(place);
  query.set("page", String(place.page));
  query.set("page_size", String(PAGE_SIZE));
  return query;
}
function addressOf(place) {
  const query = new URLSearchParams();
  if (place.project) query.set("project", String(place.project));
  if (place.view !== "tasks") query.set("view", place.view);
  for (const [name, value] of filterOf(place)) query.set(name, value);
  if (place.page > 1) query.set("page", String(place.page));
  return `?${query}`;
}

// backend/interfaces/http/lead/static/actions/loading.js
var AGAIN_MS = 2e3;
var LOST_MS = 3e3;
var EMPTY = {
  list: null,
  labels: null,
  people: null,
  queues: null,
  review: null,
  exports: null,
  training: null,
  progress: null,
  selected: []
};
var Loading = class {
  /** @param {import("../server/transport.js").Transport} transport @param {import("../state/store.js").Store} store */
  constructor(transport2, store2) {
    this.transport = transport2;
    this.store = store2;
    this.timer = 0;
    this.turn = 0;
    transport2.onReach = (answered) => {
      if (store2.state.connected !== answered) store2.set({ connected: answered });
    };
    transport2.onSignIn = () => store2.set({ needsToken: false });
  }
  /**
   * Reads the projects, and the open one beside them. Signs in first where the browser has no sign-in.
   * @param {Place} place
   * @param {string} [token]
   */
  async open(place, token = "") {
    try {
      if (token) await this.transport.signIn(token);
      const answer = this.transport.projects();
      if (place.project) this.go(place, { isNew: false });
      const { name, projects } = await answer;
      this.store.set({ name, projects, ready: true, notice: null });
      if (!projects.length) this.store.say("There is no project yet.", "Make one: masklet project create NAME.");
      else if (!place.project) this.go({ ...place, project: projects[0].project }, { isNew: false });
    } catch (error) {
      clearTimeout(this.timer);
      this.fail(error);
      if (error instanceof ConnectionLost) setTimeout(() => void this.open(place, token), LOST_MS);
    }
  }
  /** Shows another place. @param {Place} place @param {{isNew?: boolean}} [options]  isNew: back leads here again */
  go(place, { isNew = true } = {}) {
    const isOther = place.project !== this.store.state.place.project;
    const address = addressOf(place);
    if (isNew && address !== location.search) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    this.store.set({ ...isOther ? EMPTY : {}, place });
    void this.refresh();
  }
  /** Changes the filter; the first page is shown. @param {Partial<Place>} change */
  filter(change) {
    this.go({ ...this.store.state.place, page: 1, ...change });
  }
  /** Reads the open view. */
  async refresh() {
    clearTimeout(this.timer);
    const turn = ++this.turn;
    const { place } = this.store.state;
    if (!place.project) return;
    this.store.set({ loading: true });
    try {
      const [view, progress] = await Promise.all([this.#view(place), this.transport.progress(place.project)]);
      if (turn === this.turn) this.store.set({ ...view, progress });
    } catch (error) {
      if (turn === this.turn) this.fail(error);
    }
    if (turn !== this.turn) return;
    this.store.set({ loading: false });
    const { connected } = this.store.state;
    if (!connected || isUnfinished(this.store.state)) {
      this.timer = setTimeout(() => void this.refresh(), connected ? AGAIN_MS : LOST_MS);
    }
  }
  /** @param {Place} place @returns {Promise<Partial<State>>} */
  async #view(place) {
    const { project, view } = place;
    if (view === "labels") return { labels: (await this.transport.labels(project)).rows };
    if (view === "people") return { people: await this.transport.people(project) };
    if (view === "queues") return { queues: (await this.transport.queues(project)).queues };
    if (view === "review") return { review: await this.transport.review(project) };
    if (view === "training") return { training: await this.transport.trainings(project) };
    if (view === "exports") return { exports: await this.transport.exports(project) };
    return { list: await this.transport.tasks(project, listQuery(place)) };
  }
  /** All tasks that meet the filter. @returns {Promise<number[]>} */
  async matching() {
    const { place } = this.store.state;
    const found = [];
    for (let page = 1; ; page += 1) {
      const query = filterOf(place);
      query.set("page", String(page));
      query.set("page_size", "200");
      const list = await this.transport.tasks(place.project, query);
      found.push(...list.tasks.map((each) => each.task));
      if (!list.tasks.length || found.length >= list.total) return found;
    }
  }
  /** Does work, says what failed, and reads the view again. @param {() => Promise<void>} work */
  async after(work2) {
    this.store.set({ busy: this.store.state.busy + 1, dialog: "" });
    try {
      await work2();
    } catch (error) {
      this.fail(error);
    }
    this.store.set({ busy: this.store.state.busy - 1 });
    await this.refresh();
  }
  /** Says what failed. @param {unknown} error */
  fail(error) {
    if (error instanceof ConnectionLost || isAborted(error)) return;
    if (error instanceof ApiError) {
      if (isSignInNeeded(error)) this.store.set({ needsToken: true });
      this.store.say(error.message, error.wayOut, "error");
      return;
    }
    console.error(error);
    this.store.say("The page made a mistake.", "Reload it; nothing is lost.", "error");
  }
};
function isUnfinished({ place, list, people, review, exports, training: training2, progress }) {
  if (progress?.is_open) return true;
  if (place.view === "tasks") return list !== null && (list.unread > 0 || !list.is_listed || list.is_measuring);
  if (place.view === "people") return people?.is_measuring ?? false;
  if (place.view === "review") return (review?.unread ?? 0) > 0;
  if (place.view === "training") return training2?.trainings.some(isOpen) ?? false;
  return place.view === "exports" && (exports?.exports.some((each) => each.state === "running") ?? false);
}
function isOpen(training2) {
  return training2.state === "queued" || training2.state === "running";
}

// backend/interfaces/http/lead/static/actions/training.js
var Training = class {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/store.js").Store} store
   * @param {import("./loading.js").Loading} loading
   */
  constructor(transport2, store2, loading2) {
    this.transport = transport2;
    this.store = store2;
    this.loading = loading2;
  }
  /** @param {{minutes: number, what: string, activate_if_better: boolean}} choices */
  start(choices) {
    return this.#do((project) => this.transport.startTraining(project, choices), "A training is queued.");
  }
  /** @param {string} name */
  cancel(name) {
    return this.#do((project) => this.transport.cancelTraining(project, name), "The training ends at its next step.");
  }
  /** @param {string} name */
  use(name) {
    return this.#do((project) => this.transport.useCheckpoint(project, name), `${name} is in use. Workers load it once they have no job.`);
  }
  rollBack() {
    return this.#do((project) => this.transport.useCheckpoint(project, null), "The model before is in use again.");
  }
  /**
   * @param {(project: number) => Promise<import("../types_training.js").TrainingList>} change
   * @param {string} done
   */
  #do(change, done) {
    return this.loading.after(async () => {
      this.store.set({ training: await change(this.store.state.place.project) });
      this.store.say(done);
    });
  }
};

// backend/interfaces/http/lead/static/actions/work.js
var JUDGED_AT_ONCE = 20;
var NAMED_REFUSALS = 3;
var Work = class {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/store.js").Store} store
   * @param {import("./loading.js").Loading} loading
   */
  constructor(transport2, store2, loading2) {
    this.transport = transport2;
    this.store = store2;
    this.loading = loading2;
  }
  /** Gives a verdict on the selected tasks; null takes it back. @param {VerdictName | null} verdict @param {string} [comment] */
  judge(verdict, comment = "") {
    const { place, selected } = this.store.state;
    return this.#selected(async () => {
      const refused = [];
      for (let start = 0; start < selected.length; start += JUDGED_AT_ONCE) {
        const some = selected.slice(start, start + JUDGED_AT_ONCE);
        const { tasks } = await this.transport.judge(place.project, some, verdict, comment);
        refused.push(...tasks.filter((each) => each.refused));
        if (selected.length > JUDGED_AT_ONCE) this.store.say(`${start + some.length} of ${selected.length} tasks\u2026`);
      }
      this.store.set({ selected: refused.map((each) => each.task) });
      this.#tell(DONE[verdict ?? "none"], selected.length - refused.length, refused);
    });
  }
  /** Orders masks for the selected tasks that have prompts and no masks. */
  process() {
    const { place, selected } = this.store.state;
    return this.#selected(() => this.#order(place.project, selected));
  }
  /** The same for all tasks of the project. */
  processAll() {
    const { place } = this.store.state;
    return this.loading.after(() => this.#order(place.project, null));
  }
  cancel() {
    const { place } = this.store.state;
    return this.loading.after(async () => {
      this.store.set({ progress: await this.transport.cancel(place.project) });
      this.store.say("Cancelled; masks that were made are kept.");
    });
  }
  /** @param {Omit<import("../types.js").ExportBody, "tasks">} options  of the selected tasks; without any, of all */
  export(options) {
    const { place, selected } = this.store.state;
    return this.loading.after(async () => {
      await this.transport.startExport(place.project, { ...options, tasks: selected.length ? selected : null });
      this.loading.filter({ view: "exports" });
    });
  }
  /** @param {string} id */
  removeExport(id) {
    const { place } = this.store.state;
    return this.loading.after(async () => {
      this.store.set({ exports: await this.transport.removeExport(place.project, id) });
    });
  }
  /** Selects all tasks that meet the filter. */
  selectAll() {
    return this.loading.after(async () => {
      this.store.set({ selected: await this.loading.matching() });
    });
  }
  /** @param {number} project @param {number[] | null} tasks */
  async #order(project, tasks) {
    const before = this.store.state.progress?.is_open ? this.store.state.progress.orders : 0;
    const progress = await this.transport.order(project, tasks);
    const count = Math.max(progress.orders - before, 0);
    this.store.set({ progress, selected: [] });
    if (count) this.store.say(`${count} ${count === 1 ? "propagation is" : "propagations are"} ordered.`);
    else this.store.say("Nothing is to be processed: these tasks have masks, or no prompts.");
  }
  /**
   * @param {string} what
   * @param {number} count
   * @param {{task: number, refused: string}[]} refused
   */
  #tell(what, count, refused) {
    const tasks = `${count} ${count === 1 ? "task" : "tasks"} ${what}.`;
    if (!refused.length) {
      this.store.say(tasks);
      return;
    }
    const named2 = refused.slice(0, NAMED_REFUSALS).map((each) => `Task ${each.task}: ${each.refused}`);
    const more = refused.length > NAMED_REFUSALS ? ` And ${refused.length - NAMED_REFUSALS} more.` : "";
    this.store.say(`${tasks} ${refused.length} refused and still selected.`, named2.join(" ") + more, "error");
  }
  /** @param {() => Promise<void>} work */
  #selected(work2) {
    if (this.store.state.selected.length) return this.loading.after(work2);
    this.store.say("No task is selected.", "Select some: click a box, or press Space on it.");
    return Promise.resolve();
  }
};
var DONE = {
  satisfactory: "accepted",
  redo: "sent back",
  reject: "rejected",
  skipped: "skipped",
  none: "without your verdict"
};

// backend/interfaces/http/lead/static/keys.js
var BINDINGS = [
  { keys: ["ArrowRight"], text: "next video", run: () => move(1, 0) },
  { keys: ["ArrowLeft"], text: "previous video", run: () => move(-1, 0) },
  { keys: ["ArrowDown"], text: "the video below", run: () => move(0, 1) },
  { keys: ["ArrowUp"], text: "the video above", run: () => move(0, -1) },
  { keys: ["Enter"], text: "open the video in the player", run: () => open() },
  { keys: ["Control+a"], text: "select all that meet the filter", run: ({ work: work2 }) => void work2.selectAll() },
  { keys: ["Escape"], text: "select none", run: ({ store: store2 }) => store2.set({ selected: [] }) },
  { keys: ["a"], text: "accept the selected", run: ({ work: work2 }) => void work2.judge("satisfactory") },
  { keys: ["r"], text: "send the selected back, with a comment", run: (parts2) => ask(parts2) },
  { keys: ["u"], text: "take your verdict back", run: ({ work: work2 }) => void work2.judge(null) },
  { keys: ["p"], text: "process the selected", run: ({ work: work2 }) => void work2.process() },
  { keys: ["e"], text: "export the selected, or all", run: ({ store: store2 }) => store2.set({ dialog: "export" }) },
  { keys: ["/"], text: "search", run: () => document.getElementById("text")?.focus() },
  { keys: ["?"], text: "this help", run: ({ store: store2 }) => store2.set({ dialog: "help" }) }
];
var IN_GRID = ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "Enter"];
function onKey(event, parts2) {
  const { view } = parts2.store.state.place;
  if (parts2.store.state.dialog || event.altKey || view !== "tasks") return;
  const name = `${event.ctrlKey || event.metaKey ? "Control+" : ""}${event.key}`;
  const binding = BINDINGS.find((each) => each.keys.includes(name));
  if (!binding || isTyped(event.target)) return;
  if (IN_GRID.includes(name) && !isInGrid(event.target, name)) return;
  event.preventDefault();
  binding.run(parts2);
}
function isTyped(target) {
  if (target instanceof HTMLInputElement) return target.type !== "checkbox";
  return target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement;
}
function isInGrid(target, name) {
  if (name === "Enter") return target instanceof HTMLInputElement;
  return target === document.body || target instanceof Element && target.closest(".grid") !== null;
}
function ask({ store: store2 }) {
  if (store2.state.selected.length) store2.set({ dialog: "send back" });
  else store2.say("No video is selected.", "Select some: press Space on them.");
}
function boxes() {
  return (
    /** @type {HTMLInputElement[]} */
    [...document.querySelectorAll(".grid .select input")]
  );
}
function move(columns, rows) {
  const all = boxes();
  const card = document.activeElement?.closest(".card") ?? null;
  const here = all.findIndex((each) => each.closest(".card") === card);
  if (here < 0) {
    all[0]?.focus();
    return;
  }
  const top = (each) => each?.closest(".card")?.getBoundingClientRect().top;
  const width = all.filter((each) => top(each) === top(all[0])).length;
  all[Math.min(Math.max(here + columns + rows * width, 0), all.length - 1)]?.focus();
}
function open() {
  const card = document.activeElement?.closest(".card");
  (card?.querySelector("a.name") ?? null)?.click();
}

// backend/interfaces/http/lead/static/server/transport.js
import { takeEarly } from "../early.js";

// backend/interfaces/http/player/static/server/calls.js
var CHANGE = { "X-Masklet-Player": "1", "Content-Type": "application/json" };
var TRY_AGAIN = "Try again.";
var SERVER_ERROR = 500;
var Calls = class {
  /**
   * @param {string} root  of the API, without a slash at its end
   * @param {(address: string) => Promise<Response> | undefined} early  an answer to a reading that was asked for before
   */
  constructor(root2, early = () => void 0) {
    this.root = root2;
    this.early = early;
    this.onReach = (_answered) => {
    };
    this.onSignIn = () => {
    };
    this.token = "";
  }
  /**
   * @param {string} token  of Label Studio; "": its cookie counts, or an earlier sign-in by token
   * @returns {Promise<{user: string, name: string}>}
   */
  async signIn(token = this.token) {
    const person2 = await this.call("POST", `${this.root}/session`, token ? { token } : {});
    this.token = token;
    this.onSignIn();
    return person2;
  }
  /**
   * @template Answer
   * @param {string} method
   * @param {string} address
   * @param {object} [body]
   * @returns {Promise<Answer>}
   */
  async call(method, address, body) {
    const headers = method === "GET" ? {} : CHANGE;
    const sent = body === void 0 ? void 0 : JSON.stringify(body);
    const reply = await this.#fetch(address, { method, headers, body: sent });
    return reply.json();
  }
  /** A picture. @param {string} address @param {AbortSignal} [signal] @returns {Promise<Blob>} */
  async blob(address, signal) {
    const reply = await this.#fetch(address, { signal });
    return reply.blob();
  }
  /**
   * Signs in again, once, where the sign-in has ended.
   * @param {string} address
   * @param {RequestInit} options
   * @param {boolean} [isRepeated]
   * @returns {Promise<Response>}
   */
  async #fetch(address, options, isRepeated = false) {
    const reply = await this.#reach(address, options);
    if (reply.ok) return reply;
    if (reply.status === 401 && !isRepeated && !address.endsWith("/session")) {
      await this.signIn();
      return this.#fetch(address, options, true);
    }
    const problem = await reply.json().catch(() => ({}));
    const sentence = problem.detail || `Masklet answered with status ${reply.status}.`;
    const usual = reply.status >= SERVER_ERROR || !problem.detail ? TRY_AGAIN : "";
    throw new ApiError(reply.status, sentence, problem.way_out || usual);
  }
  /** @param {string} address @param {RequestInit} options @returns {Promise<Response>} */
  async #reach(address, options) {
    const asked = options.method === "GET" ? this.early(address) : void 0;
    try {
      const reply = await (asked ?? fetch(address, { credentials: "same-origin", ...options }));
      this.onReach(true);
      return reply;
    } catch (error) {
      if (isAborted(error)) throw error;
      this.onReach(false);
      throw new ConnectionLost();
    }
  }
};

// backend/interfaces/http/lead/static/server/transport.js
var Transport = class extends Calls {
  /** @param {string} root  of the API, without a slash at its end */
  constructor(root2 = "/api/lead") {
    super(root2, takeEarly);
  }
  /** @returns {Promise<{projects: import("../types.js").ProjectEntry[], name: string}>} */
  projects() {
    return this.call("GET", `${this.root}/projects`);
  }
  /** @param {number} project @param {URLSearchParams} query @returns {Promise<import("../types.js").TaskList>} */
  tasks(project, query) {
    return this.call("GET", `${this.#of(project)}/tasks?${query}`);
  }
  /** @param {number} project @returns {Promise<{rows: import("../types.js").LabelRow[]}>} */
  labels(project) {
    return this.call("GET", `${this.#of(project)}/labels`);
  }
  /** @param {number} project @returns {Promise<import("../types.js").People>} */
  people(project) {
    return this.call("GET", `${this.#of(project)}/people`);
  }
  /** @param {number} project @returns {Promise<{queues: import("../types.js").Queue[]}>} */
  queues(project) {
    return this.call("GET", `${this.#of(project)}/queues`);
  }
  /** @param {number} project @returns {Promise<import("../types.js").Review>} */
  review(project) {
    return this.call("GET", `${this.#of(project)}/review`);
  }
  /**
   * @param {number} project
   * @param {number[]} tasks  at most 100
   * @param {import("../types.js").VerdictName | null} verdict  null: takes it back
   * @param {string} comment
   * @returns {Promise<import("../types.js").Judged>}
   */
  judge(project, tasks, verdict, comment) {
    return this.call("POST", `${this.#of(project)}/verdicts`, { tasks, verdict, comment });
  }
  /** @param {number} project @returns {Promise<Progress>} */
  progress(project) {
    return this.call("GET", `${this.#of(project)}/orders`);
  }
  /** @param {number} project @param {number[] | null} tasks  null: all without masks @returns {Promise<Progress>} */
  order(project, tasks) {
    return this.call("POST", `${this.#of(project)}/orders`, { tasks });
  }
  /** @param {number} project @returns {Promise<Progress>} */
  cancel(project) {
    return this.call("DELETE", `${this.#of(project)}/orders`, {});
  }
  /** @param {number} project @returns {Promise<import("../types.js").Exports>} */
  exports(project) {
    return this.call("GET", `${this.#of(project)}/exports`);
  }
  /** @param {number} project @param {import("../types.js").ExportBody} body @returns {Promise<import("../types.js").ExportEntry>} */
  startExport(project, body) {
    return this.call("POST", `${this.#of(project)}/exports`, body);
  }
  /** @param {number} project @param {string} id @returns {Promise<import("../types.js").Exports>} */
  removeExport(project, id) {
    return this.call("DELETE", `${this.#of(project)}/exports/${id}`, {});
  }
  /** @param {number} project @returns {Promise<TrainingList>} */
  trainings(project) {
    return this.call("GET", `${this.#of(project)}/trainings`);
  }
  /**
   * @param {number} project
   * @param {{minutes: number, what: string, activate_if_better: boolean}} choices
   * @returns {Promise<TrainingList>}
   */
  startTraining(project, choices) {
    return this.call("POST", `${this.#of(project)}/trainings`, choices);
  }
  /** @param {number} project @param {string} name @returns {Promise<TrainingList>} */
  cancelTraining(project, name) {
    return this.call("DELETE", `${this.#of(project)}/trainings/${name}`, {});
  }
  /** @param {number} project @param {string | null} training  null: the model before @returns {Promise<TrainingList>} */
  useCheckpoint(project, training2) {
    return this.call("POST", `${this.#of(project)}/model`, { training: training2 });
  }
  /** The address of a table as CSV. @param {number} project @param {string} table @param {URLSearchParams} [query] */
  csv(project, table, query = new URLSearchParams()) {
    return `${this.#of(project)}/${table}?${new URLSearchParams([...query, ["as", "csv"]])}`;
  }
  /** @param {string} address @param {AbortSignal} signal @returns {Promise<Blob>} */
  picture(address, signal) {
    return this.blob(address, signal);
  }
  /** @param {number} project */
  #of(project) {
    return `${this.root}/projects/${project}`;
  }
};

// backend/interfaces/http/lead/static/state/store.js
var INITIAL = {
  place: NOWHERE,
  name: "",
  ready: false,
  needsToken: false,
  connected: true,
  loading: false,
  projects: [],
  list: null,
  labels: null,
  people: null,
  queues: null,
  review: null,
  exports: null,
  training: null,
  progress: null,
  selected: [],
  busy: 0,
  notice: null,
  dialog: ""
};
var Store = class {
  /** @param {State} initial */
  constructor(initial = INITIAL) {
    this.state = initial;
    this.listeners = /* @__PURE__ */ new Set();
  }
  /** @param {Partial<State>} change */
  set(change) {
    const before = this.state;
    this.state = { ...before, ...change };
    for (const listener of this.listeners) listener(this.state, before);
  }
  /** @param {(state: State, before: State) => void} listener */
  listen(listener) {
    this.listeners.add(listener);
  }
  /** @param {string} text  one sentence @param {string} [wayOut] @param {"info" | "error"} [kind] */
  say(text, wayOut = "", kind = "info") {
    this.set({ notice: { text, wayOut, kind } });
  }
  /** Selects a task, or no longer. @param {number} task */
  toggle(task) {
    const { selected } = this.state;
    this.set({ selected: selected.includes(task) ? selected.filter((each) => each !== task) : [...selected, task] });
  }
};

// backend/interfaces/http/player/static/view/sentences.js
function ended(sentence) {
  return !sentence || /[.!?…]$/.test(sentence) ? sentence : `${sentence}.`;
}

// backend/interfaces/http/lead/static/view/words.js
function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}
function number(value, digits = 2) {
  return value === null || value === void 0 ? "\u2013" : value.toFixed(digits);
}
function interval(interval2) {
  if (!interval2) return "not observed";
  return `${number(interval2.mean)} (${number(interval2.low)}\u2013${number(interval2.high)})`;
}
function duration(seconds) {
  if (seconds === null) return "\u2013";
  if (seconds < 100) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
function size(bytes) {
  if (bytes < 2 ** 20) return `${Math.max(Math.round(bytes / 1024), 1)} KiB`;
  return bytes < 2 ** 30 ? `${Math.round(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
function person(user) {
  return user || "nobody (a batch)";
}
function title(task) {
  return task.name || `task ${task.task}`;
}

// backend/interfaces/http/lead/static/view/actions_bar.js
function ActionsBar({ state, parts: parts2 }) {
  const { selected, list, busy } = state;
  const { work: work2, store: store2 } = parts2;
  const none = selected.length === 0 || busy > 0;
  const lacking = list?.counts.needing_masks ?? 0;
  return fe`
    <div class="bar" role="toolbar" aria-label="Selected videos">
      <span class="count" role="status">${selected.length ? `${selected.length} selected` : "none selected"}</span>
      <button title="Select all that meet the filter (Ctrl+A)" disabled=${!list?.total} onClick=${() => work2.selectAll()}>
        Select all ${list?.total ?? ""}</button>
      <button title="Select none (Esc)" disabled=${!selected.length} onClick=${() => store2.set({ selected: [] })}>None</button>
      <button class="strong" title="The masks are right (A)" disabled=${none} onClick=${() => work2.judge("satisfactory")}>
        Accept</button>
      <button title="To be redone, with a comment (R)" disabled=${none} onClick=${() => store2.set({ dialog: "send back" })}>
        Send back…</button>
      <button title="Take your verdict back (U)" disabled=${none} onClick=${() => work2.judge(null)}>Take back</button>
      <button title="Propagate the prompts of the selected (P)" disabled=${none} onClick=${() => work2.process()}>Process</button>
      <button title="Export the selected, or all (E)" disabled=${busy > 0} onClick=${() => store2.set({ dialog: "export" })}>
        Export…</button>
      <button title="Propagate all prompts without masks" disabled=${!lacking || busy > 0} onClick=${() => work2.processAll()}>
        Process all ${lacking || ""}</button>
    </div>`;
}
function ProgressBar({ state, parts: parts2 }) {
  const { progress } = state;
  if (!progress?.orders) return null;
  const { orders, finished, running, waiting, cancelled, failures } = progress;
  const others = [
    running && `${running} running`,
    waiting && `${waiting} waiting`,
    cancelled && `${cancelled} cancelled`,
    failures.length && `${failures.length} failed`
  ].filter(Boolean);
  return fe`
    <div class="progress">
      <progress max="1" value=${progress.share} aria-label="Ordered propagations"></progress>
      <span role="status">${finished} of ${counted(orders, "propagation")} done${others.length ? `, ${others.join(", ")}` : ""}</span>
      ${progress.is_open && fe`<button class="stop" onClick=${() => parts2.work.cancel()}>Cancel</button>`}
      ${failures.length > 0 && fe`
        <details>
          <summary>Why</summary>
          <ul>${failures.map((each) => fe`<li>Task ${each.task}, ${person(each.user)}: ${ended(each.reason)}</li>`)}</ul>
        </details>`}
    </div>`;
}

// backend/interfaces/http/lead/static/view/dialogs.js
var FORMATS = [
  "coco",
  "coco-rle",
  "davis",
  "sav",
  "youtubevis",
  "mot",
  "mots",
  "yolo-seg",
  "yolo",
  "boxes-csv",
  "overlay",
  "greenscreen",
  "labelstudio"
];
function Dialogs({ state, parts: parts2 }) {
  if (state.dialog === "send back") return fe`<${SendBack} state=${state} parts=${parts2} />`;
  if (state.dialog === "export") return fe`<${ExportOptions} state=${state} parts=${parts2} />`;
  if (state.dialog === "help") return fe`<${Help} state=${state} parts=${parts2} />`;
  return null;
}
function Dialog({ name, parts: parts2, children }) {
  const dialog = Q(
    /** @type {HTMLDialogElement | null} */
    null
  );
  J(() => dialog.current?.showModal(), []);
  return fe`
    <dialog ref=${dialog} aria-label=${name} onClose=${() => parts2.store.set({ dialog: "" })}>
      <h2>${name}</h2>
      ${children}
    </dialog>`;
}
function valueOf(event, field) {
  return String(new FormData(
    /** @type {HTMLFormElement} */
    event.target
  ).get(field) ?? "");
}
function SendBack({ state, parts: parts2 }) {
  const send = (event) => {
    event.preventDefault();
    void parts2.work.judge(
      /** @type {"redo" | "reject"} */
      valueOf(event, "verdict"),
      valueOf(event, "comment").trim()
    );
  };
  return fe`
    <${Dialog} name=${`Send ${counted(state.selected.length, "video")} back`} parts=${parts2}>
      <form onSubmit=${send}>
        <label>What is to be done <textarea name="comment" maxlength="2000" rows="3" autofocus></textarea></label>
        <label><input type="radio" name="verdict" value="redo" checked /> redo: prompt or draw again</label>
        <label><input type="radio" name="verdict" value="reject" /> reject: of no use</label>
        <p><button class="strong">Send back</button>${" "}
          <button type="button" onClick=${() => parts2.store.set({ dialog: "" })}>Cancel</button></p>
      </form>
    <//>`;
}
function ExportOptions({ state, parts: parts2 }) {
  const [format, setFormat] = G(FORMATS[0]);
  const what = state.selected.length ? counted(state.selected.length, "video") : "the whole project";
  const start = (event) => {
    event.preventDefault();
    const [verdict, labels, annotator] = ["verdict", "labels", "annotator"].map((each) => valueOf(event, each));
    void parts2.work.export({ format, verdict, labels, annotator });
  };
  return fe`
    <${Dialog} name=${`Export ${what}`} parts=${parts2}>
      <form onSubmit=${start}>
        <label>Format <select name="format" value=${format} autofocus
          onChange=${({ target }) => setFormat(
    /** @type {HTMLSelectElement} */
    target.value
  )}>
          ${FORMATS.map((each) => fe`<option value=${each}>${each}</option>`)}</select></label>
        <label>Masks of <select name="labels">
          <option value="annotations">annotations</option><option value="predictions">predictions</option>
          <option value="both">annotations, else predictions</option></select></label>
        <label>Verdict <select name="verdict">
          <option value="all">all</option><option value="satisfactory">accepted</option>
          <option value="satisfactory,none">accepted, or without a verdict</option></select></label>
        <label>Of several annotations <select name="annotator">
          <option value="newest">the newest</option><option value="best">the one that agrees most</option>
          <option value="consensus">consensus</option><option value="each">each</option></select></label>
        <p><button class="strong">Export</button>${" "}
          <button type="button" onClick=${() => parts2.store.set({ dialog: "" })}>Cancel</button></p>
      </form>
    <//>`;
}
function Help({ parts: parts2 }) {
  return fe`
    <${Dialog} name="Keys" parts=${parts2}>
      <dl>${BINDINGS.map(({ keys, text }) => fe`
        <div><dt>${keys.map((key) => fe`<kbd>${key}</kbd> `)}</dt><dd>${text}</dd></div>`)}</dl>
      <button onClick=${() => parts2.store.set({ dialog: "" })}>Close</button>
    <//>`;
}

// backend/interfaces/http/lead/static/view/filters.js
var ORDER_NAMES = {
  number: "by number",
  name: "by name",
  uncertainty: "most uncertain first",
  agreement: "least agreement first",
  newest: "newest work first"
};
var VERDICT_NAMES = {
  satisfactory: "accepted",
  redo: "sent back",
  reject: "rejected",
  skipped: "skipped",
  outdated: "changed since",
  none: "no verdict"
};
var WIDE = matchMedia("(min-width: 701px)");
function valueOf2({ target }) {
  return (
    /** @type {HTMLInputElement | HTMLSelectElement} */
    target.value
  );
}
function Filters({ state, parts: parts2 }) {
  const { place, list } = state;
  const { loading: loading2 } = parts2;
  const counts = list?.counts;
  const isFiltered = addressOf({ ...place, page: 1 }) !== addressOf({ ...NOWHERE, project: place.project, order: place.order });
  return fe`
    <details class="filter" open=${isFiltered || WIDE.matches}><summary>Filter</summary>
    <form class="filters" role="search" aria-label="Filter" onSubmit=${(event) => event.preventDefault()}>
      <input id="text" type="search" placeholder="Name or number (/)" aria-label="Name or number" value=${place.text}
        onChange=${(event) => loading2.filter({ text: valueOf2(event).trim() })} />
      <${Choices} legend="State" names=${STATES} chosen=${place.state} counts=${counts?.states ?? {}}
        choose=${(chosen) => loading2.filter({ state: chosen })} />
      <${Choices} legend="Verdict" names=${VERDICTS} words=${VERDICT_NAMES} chosen=${place.verdict} counts=${counts?.verdicts ?? {}}
        choose=${(chosen) => loading2.filter({ verdict: chosen })} />
      <label>Label
        <select value=${place.label} onChange=${(event) => loading2.filter({ label: valueOf2(event) })}>
          <option value="">all</option>
          ${named(counts?.labels, place.label).map(([name, count]) => fe`<option value=${name}>${name} (${count})</option>`)}
        </select>
      </label>
      <label>Person
        <select value=${place.person === null ? "*" : `=${place.person}`}
          onChange=${(event) => loading2.filter({ person: valueOf2(event) === "*" ? null : valueOf2(event).slice(1) })}>
          <option value="*">all</option>
          ${named(counts?.people, place.person).map(([name, count]) => fe`
            <option value=${`=${name}`}>${person(name)} (${count})</option>`)}
        </select>
      </label>
      <label>Uncertainty from
        <input type="number" min="0" max="1" step="0.05" value=${place.uncertainty_from}
          onChange=${(event) => loading2.filter({ uncertainty_from: valueOf2(event) })} />
      </label>
      <label>Agreement to
        <input type="number" min="0" max="1" step="0.05" value=${place.agreement_to}
          onChange=${(event) => loading2.filter({ agreement_to: valueOf2(event) })} />
      </label>
      <label>Order
        <select value=${place.order} onChange=${(event) => loading2.filter({ order: valueOf2(event) })}>
          ${ORDERS.map((each) => fe`<option value=${each}>${ORDER_NAMES[each]}</option>`)}
        </select>
      </label>
      ${isFiltered && fe`
        <button type="button" onClick=${() => loading2.go({ ...NOWHERE, project: place.project, order: place.order })}>
          Clear the filter</button>`}
    </form></details>`;
}
function named(counts, chosen) {
  const entries = Object.entries(counts ?? {});
  return chosen && !entries.some(([name]) => name === chosen) ? [...entries, [chosen, 0]] : entries;
}
function Choices({ legend, names, words = {}, chosen, counts, choose }) {
  const toggle = (name) => choose(chosen.includes(name) ? chosen.filter((each) => each !== name) : names.filter((each) => each === name || chosen.includes(each)));
  return fe`
    <fieldset>
      <legend>${legend}</legend>
      ${names.map((name) => fe`
        <button type="button" aria-pressed=${chosen.includes(name)} onClick=${() => toggle(name)}>
          ${words[name] ?? name} <small>${counts[name] ?? 0}</small></button>`)}
    </fieldset>`;
}

// backend/interfaces/http/lead/static/view/reading.js
function Reading({ state }) {
  return state.loading && fe`<p class="empty">Reading…</p>`;
}

// backend/interfaces/http/lead/static/view/grid.js
function Grid({ state, parts: parts2 }) {
  const { list, place } = state;
  if (!list) return fe`<${Reading} state=${state} />`;
  return fe`
    <section aria-label="Videos">
      <${Summary} state=${state} parts=${parts2} />
      ${list.tasks.length === 0 && fe`<p class="empty">${emptyList(list)}</p>`}
      <ul class="grid">
        ${list.tasks.map((task) => fe`
          <${Card} key=${task.task} task=${task} project=${place.project} parts=${parts2} isSelected=${state.selected.includes(task.task)} />`)}
      </ul>
      <${Pages} state=${state} parts=${parts2} />
    </section>`;
}
function emptyList({ of, is_listed: isListed }) {
  if (of) return "No video meets the filter.";
  return isListed ? "The project has no tasks yet." : "Label Studio's tasks are being read\u2026";
}
function Summary({ state, parts: parts2 }) {
  const { list, place } = state;
  if (!list) return null;
  const reading = [
    list.unread ? `${counted(list.unread, "propagation")} still to be read` : "",
    list.is_listed ? "" : "Label Studio's list of tasks is being read",
    list.is_measuring ? "measuring agreement" : ""
  ].filter(Boolean);
  return fe`
    <p class="summary">
      <strong>${counted(list.total, "video")}</strong>${list.total === list.of ? "" : ` of ${list.of}`}${reading.length ? `; ${reading.join("; ")}\u2026` : ""}
      <a href=${parts2.transport.csv(place.project, "tasks", new URLSearchParams(location.search))} download>CSV</a>
    </p>`;
}
function Card({ task, project, parts: parts2, isSelected }) {
  const name = title(task);
  return fe`
    <li class=${`card ${isSelected ? "selected" : ""}`} data-task=${task.task}>
      <div class="picture">
        <${Picture} address=${task.thumbnail} of=${pictured(task, name)} thumbnails=${parts2.thumbnails} />
        <label class="select"><input type="checkbox" checked=${isSelected} aria-label=${`Select ${name}`}
          onChange=${() => parts2.store.toggle(task.task)} /></label>
        <span class=${`chip ${task.state}`}>${task.state}</span>
      </div>
      <a class="name" href=${task.player} target="_blank" rel="noopener">${name}</a>
      <p class="facts">
        ${Object.entries(task.labels).map(([label, count]) => `${label}${count > 1 ? ` \xD7${count}` : ""}`).join(", ") || "no objects"}
      </p>
      <p class="facts people">${task.people.map((each) => person(each.user)).join(", ")}</p>
      <p class="facts">
        uncertainty <b>${number(task.uncertainty)}</b>${task.worst_frame !== null && fe` on frame ${task.worst_frame + 1}`}
        ${task.agreement && fe`<br />agreement <b>${number(task.agreement.mean)}</b>`}
      </p>
      ${task.people.some((each) => each.reason) && fe`
        <p class="facts bad">${task.people.map((each) => each.reason).filter(Boolean).join(" ")}</p>`}
      ${task.verdict !== "none" && fe`<${Verdict} task=${task} />`}
      <p class="links">
        ${task.label_studio && fe`<a href=${task.label_studio} target="_blank" rel="noopener" aria-label=${`${name} in Label Studio`}>Label Studio</a>`}
        ${task.state === "done" && fe`
          <a href=${`/api/lead/tasks/${project}/${task.task}/report`} target="_blank" rel="noopener" aria-label=${`Report on ${name}`}>report</a>`}
      </p>
    </li>`;
}
var GIVEN = {
  satisfactory: "\u2713 accepted",
  redo: "\u21BA sent back",
  reject: "\u2715 rejected",
  skipped: "skipped",
  outdated: "changed since the verdict"
};
function Verdict({ task }) {
  return fe`
    <p class=${`verdict ${task.verdict}`} title=${`by ${task.given_by.map(person).join(", ")}`}>
      ${GIVEN[task.verdict]}${task.comment ? `: ${task.comment}` : ""}</p>`;
}
function pictured(task, name) {
  if (task.state === "untouched") return `The first frame of ${name}`;
  return task.state === "done" ? `${name} with masks` : `A frame of ${name}`;
}
function Picture({ address, of, thumbnails: thumbnails2 }) {
  const image = Q(
    /** @type {HTMLImageElement | null} */
    null
  );
  const [missing, setMissing] = G("");
  J(() => {
    setMissing("");
    return image.current ? thumbnails2.show(image.current, address, setMissing) : void 0;
  }, [address]);
  return fe`
    <img ref=${image} alt=${of} hidden=${missing !== ""} />
    ${missing && fe`<span class="none">No picture. ${ended(missing)}</span>`}`;
}
function Pages({ state, parts: parts2 }) {
  const { list, place } = state;
  const last = Math.ceil((list?.total ?? 0) / PAGE_SIZE);
  if (last <= 1) return null;
  const go = (page) => {
    parts2.loading.go({ ...place, page });
    window.scrollTo({ top: 0 });
  };
  return fe`
    <nav class="pages" aria-label="Pages">
      <button disabled=${place.page <= 1} onClick=${() => go(place.page - 1)}>‹ Previous</button>
      <span>page ${place.page} of ${last}</span>
      <button disabled=${place.page >= last} onClick=${() => go(place.page + 1)}>Next ›</button>
    </nav>`;
}

// backend/interfaces/http/player/static/view/sign_in.js
function SignInForm({ onToken }) {
  const [token, setToken] = G("");
  const signIn = (event) => {
    event.preventDefault();
    onToken(token.trim());
  };
  return fe`
    <form class="sign-in" onSubmit=${signIn}>
      <p>Tokens are in Label Studio under Account & Settings. After a login in this browser, reload the page.</p>
      <label>Token <input type="password" autocomplete="off" value=${token} required
        onInput=${({ target }) => setToken(
    /** @type {HTMLInputElement} */
    target.value
  )} /></label>
      <button class="strong">Sign in</button>
    </form>`;
}

// backend/interfaces/http/lead/static/view/header.js
var VIEWS2 = [
  ["tasks", "Videos"],
  ["labels", "Counts"],
  ["people", "People"],
  ["queues", "Queues"],
  ["review", "Uncertainty"],
  ["training", "Training"],
  ["exports", "Exports"]
];
function Header({ state, parts: parts2 }) {
  const { place, name } = state;
  const isListed = !place.project || state.projects.some((each) => each.project === place.project);
  const projects = isListed ? state.projects : [...state.projects, { project: place.project, title: "" }];
  const choose = ({ target }) => parts2.loading.filter({ project: Number(
    /** @type {HTMLSelectElement} */
    target.value
  ), label: "", person: null });
  return fe`
    <header>
      <h1>Masklet</h1>
      <label>Project
        <select value=${place.project} onChange=${choose}>
          ${projects.map((each) => fe`<option value=${each.project}>${each.project} ${each.title}</option>`)}
        </select>
      </label>
      <nav aria-label="Views">
        ${VIEWS2.map(([view, text]) => fe`
          <button aria-current=${place.view === view ? "page" : void 0}
            onClick=${() => parts2.loading.filter({ view })}>${text}</button>`)}
      </nav>
      <span class="who">${name}</span>
      <button title="Help (?)" aria-label="Help" onClick=${() => parts2.store.set({ dialog: "help" })}>?</button>
    </header>`;
}
function Messages({ state, parts: parts2 }) {
  const { notice, connected } = state;
  return fe`
    <div class="messages" role="status">
      ${!connected && fe`<p class="notice error" role="alert">Masklet does not answer. The page asks again by itself.</p>`}
      ${notice && fe`
        <p class=${`notice ${notice.kind}`} role=${notice.kind === "error" ? "alert" : void 0}>
          <span>${ended(notice.text)} ${notice.wayOut}</span>
          <button aria-label="Close the message" onClick=${() => parts2.store.set({ notice: null })}>×</button>
        </p>`}
    </div>`;
}
function SignIn({ state, parts: parts2 }) {
  return state.needsToken && fe`<${SignInForm} onToken=${(token) => void parts2.loading.open(state.place, token)} />`;
}

// backend/interfaces/http/lead/static/view/review.js
function Review({ state }) {
  const { review, place } = state;
  if (!review) return fe`<${Reading} state=${state} />`;
  return fe`
    <section aria-label="Uncertainty">
      <h2>Audits</h2>
      ${review.audits.length === 0 && fe`<p>No audit frame has been corrected yet. <code>masklet next ${place.project} --into CORRECTIONS</code> makes them.</p>`}
      <ul>${review.audits.map((each) => fe`<li><b>${each.model}</b>: ${ended(each.sentence)}</li>`)}</ul>
      <h2>Most uncertain</h2>
      ${review.unread > 0 && fe`<p>${counted(review.unread, "propagation")} still to be read…</p>`}
      <ol>${review.uncertain.map((task) => fe`
        <li>
          <meter min="0" max="1" low="0.3" high="0.6" optimum="0" value=${task.uncertainty ?? 0}></meter> <b>${number(task.uncertainty)}</b>${" "}
          <a href=${task.player} target="_blank" rel="noopener">${title(task)}</a>${task.worst_frame !== null && `, frame ${task.worst_frame + 1}`}${" "}
          <a href=${`/api/lead/tasks/${place.project}/${task.task}/report`} target="_blank" rel="noopener"
            aria-label=${`Report on ${title(task)}`}>report</a>
        </li>`)}</ol>
    </section>`;
}
function Exports({ state, parts: parts2 }) {
  const { exports } = state;
  if (!exports) return fe`<${Reading} state=${state} />`;
  return fe`
    <section aria-label="Exports">
      <p><button onClick=${() => parts2.store.set({ dialog: "export" })}>Export the whole project…</button></p>
      ${exports.exports.length === 0 && fe`<p class="empty">Nothing was exported from this page yet.</p>`}
      <ul class="exports">${exports.exports.map((each) => fe`
        <li>
          <b>${each.format}</b>, ${each.tasks ? counted(each.tasks, "video") : "the whole project"}: ${each.state}.${" "}
          ${each.address && fe`<a href=${each.address} download>Download (${size(each.bytes)})</a>`}${" "}
          <button onClick=${() => parts2.work.removeExport(each.id)} aria-label=${`Remove export ${each.id}`}>
            ${each.state === "running" ? "Cancel" : "Remove"}</button>
          <p class=${each.state === "failed" ? "bad" : ""}>${each.detail}</p>
          <code>${each.command}</code>
        </li>`)}</ul>
    </section>`;
}

// backend/interfaces/http/lead/static/view/tables.js
function Table({ heads, rows, caption, texts = 1 }) {
  return fe`
    <div class="table"><table>
      <caption>${caption}</caption>
      <thead><tr>${heads.map((head, place) => fe`<th scope="col" class=${place < texts ? "" : "number"}>${head}</th>`)}</tr></thead>
      <tbody>${rows.map((row2) => fe`
        <tr>${row2.map((cell, place) => place === 0 ? fe`<th scope="row">${cell}</th>` : fe`<td class=${place < texts ? "" : "number"}>${cell}</td>`)}</tr>`)}</tbody>
    </table></div>`;
}
function Labels({ state, parts: parts2 }) {
  const { labels, place } = state;
  if (!labels) return fe`<p class="empty">Counting…</p>`;
  const heads = ["video", "label", "objects", "people", "clicks", "human frames", "frames with masks", "uncertainty"];
  const sums = /* @__PURE__ */ new Map();
  for (const each of labels) {
    const sum = sums.get(each.label) ?? [0, 0, 0, 0];
    sums.set(each.label, [sum[0] + 1, sum[1] + each.objects, sum[2] + each.human_frames, sum[3] + each.frames]);
  }
  const link = (row2) => fe`
    <a href=${`/player?project=${place.project}&task=${row2.task}`} target="_blank" rel="noopener">${title(row2)}</a>`;
  return fe`
    <${Table} caption="Labels of the project" heads=${["label", "videos", "objects", "human frames", "frames with masks"]}
      rows=${[...sums].map(([label, sum]) => [label, ...sum])} />
    <${Table} texts=${2} heads=${heads} caption=${fe`Labels of each video <a href=${parts2.transport.csv(place.project, "labels")} download>CSV</a>`}
      rows=${labels.map((row2) => [
    link(row2),
    row2.label,
    row2.objects,
    row2.people,
    row2.clicks,
    row2.human_frames,
    row2.frames,
    number(row2.uncertainty)
  ])} />`;
}
function People({ state, parts: parts2 }) {
  const { people, place } = state;
  if (!people) return fe`<${Reading} state=${state} />`;
  const heads = [
    "person",
    "videos",
    "objects",
    "clicks",
    "clicks a clicked frame",
    "edited frames",
    "frames",
    "active time",
    "seconds a frame",
    "agreement",
    "gold",
    "trust",
    "trust before"
  ];
  return fe`
    ${people.is_measuring && fe`<p class="notice" role="status">Measuring agreement and trust…</p>`}
    ${!people.is_effort_recorded && fe`<p class="notice">Effort is switched off: MASKLET_EFFORT=false.</p>`}
    <${Table} heads=${heads} caption=${fe`People; shares with their 95 % intervals <a href=${parts2.transport.csv(place.project, "people")} download>CSV</a>`}
      rows=${people.people.map(row)} />
    <${Sizes} people=${people.people} />`;
}
function row(each) {
  const { effort } = each;
  return [
    person(each.user),
    effort?.tasks ?? "\u2013",
    effort?.objects ?? "\u2013",
    effort?.clicks ?? "\u2013",
    number(effort?.clicks_per_clicked_frame),
    effort?.edited_frames ?? "\u2013",
    effort?.frames ?? "\u2013",
    effort?.active_s ? duration(effort.active_s) : "\u2013",
    number(effort?.seconds_per_frame, 1),
    interval(each.agreement),
    interval(each.gold),
    interval(each.trust),
    each.trust_over_time.slice(-4, -1).map(({ trust }) => number(trust.mean)).join(" \u2192 ") || "\u2013"
  ];
}
function Sizes({ people }) {
  const heads = ["person", "phase", "object size", "objects", "clicks a clicked frame", "edited share", "active time", "seconds a frame"];
  const rows = people.flatMap(({ user, sizes }) => sizes.map((each) => [
    person(user),
    each.phase,
    each.size,
    each.objects,
    number(each.clicks_per_clicked_frame),
    number(each.edited_share),
    each.active_s ? duration(each.active_s) : "\u2013",
    number(each.seconds_per_frame, 1)
  ]));
  if (!rows.length) return null;
  return fe`<${Table} heads=${heads} texts=${3} rows=${rows}
    caption="Effort by object size: small below 32² pixels, medium below 96², unknown without masks" />`;
}
function Queues({ state, parts: parts2 }) {
  const { queues, place } = state;
  if (!queues) return fe`<${Reading} state=${state} />`;
  if (!queues.length) return fe`<p class="empty">The project is of no crowd.</p>`;
  const heads = ["stage", "project", "waiting", "done", "oldest waits", "an hour", "stuck"];
  return fe`<${Table} heads=${heads} caption=${fe`Queues of the crowd <a href=${parts2.transport.csv(place.project, "queues")} download>CSV</a>`}
    rows=${queues.map((each) => [
    each.stage,
    each.project,
    each.waiting,
    each.done,
    duration(each.oldest_s),
    number(each.per_hour, 1),
    each.stuck.join(" ") || "\u2013"
  ])} />`;
}

// backend/interfaces/http/lead/static/view/thumbnails.js
var AT_ONCE = 3;
var KEPT = 400;
var Thumbnails = class {
  /** @param {(address: string, signal: AbortSignal) => Promise<Blob>} load */
  constructor(load) {
    this.load = load;
    this.made = /* @__PURE__ */ new Map();
    this.watched = /* @__PURE__ */ new Map();
    this.queue = [];
    this.running = 0;
    this.observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "200px" });
  }
  /**
   * Shows a picture in an image once it is in sight.
   * @param {HTMLImageElement} image
   * @param {string} address
   * @param {OnMissing} onMissing
   * @returns {() => void} ends it
   */
  show(image, address, onMissing) {
    const known = this.made.get(address);
    if (known !== void 0) {
      image.src = known;
      image.dataset.state = "shown";
      return () => {
      };
    }
    image.removeAttribute("src");
    image.dataset.state = "waiting";
    const wanted = { image, address, onMissing, abort: null };
    this.watched.set(image, wanted);
    this.observer.observe(image);
    return () => {
      this.observer.unobserve(image);
      this.watched.delete(image);
      this.queue = this.queue.filter((each) => each !== wanted);
      wanted.abort?.abort();
    };
  }
  /** @param {IntersectionObserverEntry[]} entries */
  #seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const wanted = this.watched.get(target);
      if (!wanted) continue;
      this.queue = this.queue.filter((each) => each !== wanted);
      if (isIntersecting && !wanted.abort) this.queue.push(wanted);
    }
    this.#next();
  }
  #next() {
    while (this.running < AT_ONCE) {
      const wanted = this.queue.shift();
      if (!wanted) return;
      this.observer.unobserve(wanted.image);
      void this.#fetch(wanted);
    }
  }
  /** @param {Wanted} wanted */
  async #fetch(wanted) {
    this.running += 1;
    wanted.abort = new AbortController();
    try {
      const blob = await this.load(wanted.address, wanted.abort.signal);
      const picture = URL.createObjectURL(blob);
      this.#keep(wanted.address, picture);
      wanted.image.src = picture;
      wanted.image.dataset.state = "shown";
    } catch (error) {
      if (!isAborted(error)) {
        wanted.image.dataset.state = "missing";
        wanted.onMissing(error instanceof Error ? error.message : "");
      }
    }
    this.running -= 1;
    this.#next();
  }
  /** @param {string} address @param {string} picture */
  #keep(address, picture) {
    this.made.set(address, picture);
    const [oldest] = this.made;
    if (this.made.size <= KEPT || !oldest) return;
    URL.revokeObjectURL(oldest[1]);
    this.made.delete(oldest[0]);
  }
};

// backend/interfaces/http/lead/static/view/training.js
function TrainingView({ state, parts: parts2 }) {
  const { training: training2 } = state;
  if (!training2) return fe`<${Reading} state=${state} />`;
  const open2 = training2.trainings.some(isOpen);
  return fe`
    <section aria-label="Training">
      <p>A training makes the model better on this project: it learns from the frames that people corrected and from
        the objects with the verdict satisfactory, and is measured on videos that it did not see.</p>
      ${open2 ? null : fe`<${Start} state=${state} parts=${parts2} />`}
      <${InUse} state=${state} parts=${parts2} />
      ${training2.trainings.length === 0 && fe`<p class="empty">Nothing was trained on this project yet.</p>`}
      <ul class="exports">${training2.trainings.map((each) => fe`
        <${One} key=${each.name} each=${each} workers=${training2.workers} parts=${parts2} busy=${state.busy > 0} />`)}</ul>
    </section>`;
}
function Start({ state, parts: parts2 }) {
  const { training: training2 } = state;
  if (!training2) return null;
  const submit = (event) => {
    event.preventDefault();
    const fields = new FormData(
      /** @type {HTMLFormElement} */
      event.target
    );
    void parts2.training.start({
      minutes: Number(fields.get("minutes")),
      what: String(fields.get("what")),
      activate_if_better: fields.get("activate") !== null
    });
  };
  return fe`
    <form class="bar" onSubmit=${submit}>
      <label>Minutes <input type="number" name="minutes" min="1" max="10080" step="any" required value=${training2.minutes} /></label>
      <label>Train <select name="what" value=${training2.what}>
        <option value="decoder">the mask decoder</option>
        <option value="memory">the memory too</option>
        <option value="all">the whole model</option>
      </select></label>
      <label><input type="checkbox" name="activate" /> use it at once if it is better</label>
      <button class="strong" disabled=${state.busy > 0}>Start training</button>
    </form>`;
}
function InUse({ state, parts: parts2 }) {
  const { training: training2 } = state;
  if (!training2) return null;
  if (training2.setting !== "auto") {
    return fe`<p>MASKLET_MODEL=${training2.setting} names the model in use; checkpoints cannot be activated here.</p>`;
  }
  if (!training2.active) return fe`<p>No trained checkpoint is in use.</p>`;
  return fe`
    <p>In use: <b>${training2.active}</b>${" "}
      <button disabled=${state.busy > 0} onClick=${() => parts2.training.rollBack()}>Go back to the model before</button></p>`;
}
function One({ each, workers, parts: parts2, busy }) {
  return fe`
    <li data-training=${each.name}>
      <b>${each.name}</b>: ${each.is_ending ? "ending" : each.state}; ${each.minutes} min on ${each.base}, ${each.what}${each.user ? `, asked for by ${each.user}` : ""}.${" "}
      ${each.report && fe`<a href=${each.report} target="_blank" rel="noopener" aria-label=${`Report on ${each.name}`}>Report</a>`}${" "}
      ${isOpen(each) && !each.is_ending && fe`<button class="stop" disabled=${busy} aria-label=${`Cancel ${each.name}`}
        onClick=${() => parts2.training.cancel(each.name)}>Cancel</button>`}
      ${each.checkpoint && each.is_here && !each.is_active && fe`<button disabled=${busy} aria-label=${`Use ${each.name}`}
        onClick=${() => parts2.training.use(each.name)}>Use this checkpoint</button>`}
      ${each.is_active && fe`<b>In use.</b>`}
      ${isOpen(each) && fe`<${Progress} each=${each} workers=${workers} />`}
      <${Result} each=${each} />
      ${each.frames > 0 && fe`<p>${counted(each.frames, "frame")} of ${counted(each.videos, "video")}${each.people.length ? `, by ${each.people.join(", ")}` : ""}.</p>`}
      ${each.left_out.length > 0 && fe`
        <details><summary>${counted(each.left_out.length, "video")} left out</summary>
          <ul>${each.left_out.map((video) => fe`<li>${video.name || `task ${video.task}`}: ${ended(video.reason)}</li>`)}</ul>
        </details>`}
    </li>`;
}
function Progress({ each, workers }) {
  const figures = Object.entries(each.figures).map(([name, value]) => `${name} ${number(value, 3)}`).join(", ");
  return fe`
    <p><progress max="1" value=${each.share} aria-label=${`Progress of ${each.name}`}></progress>${" "}
      ${`${Math.round(each.share * 100)} %, ${each.phase}${figures && `; ${figures}`}`}</p>
    ${each.state === "queued" && workers === 0 && fe`
      <p>No train worker runs yet. masklet up starts one by itself; elsewhere: <code>masklet worker train</code></p>`}`;
}
function Result({ each }) {
  const { gain } = each;
  if (!gain) return each.reason ? fe`<p class=${each.state === "failed" ? "bad" : ""}>${ended(each.reason)}</p>` : null;
  const { before, after } = gain;
  const figures = [
    `J&F ${number(before.j_and_f)} \u2192 ${number(after.j_and_f)} (gain ${signed(gain.mean)}, 95 % ${signed(gain.low)} to ${signed(gain.high)})`,
    `clicks until IoU 0.85: ${number(before.clicks, 1)} \u2192 ${number(after.clicks, 1)}`,
    `on the general set ${number(before.general_j)} \u2192 ${number(after.general_j)}`
  ];
  return fe`
    <p>${each.is_better ? fe`<b>Better.</b>` : "Not better beyond doubt."} ${`${figures.join("; ")}.`}</p>
    <p>${`${ended(each.reason)} ${each.note}`}</p>`;
}
function signed(value) {
  return `${value < 0 ? "" : "+"}${value.toFixed(3)}`;
}

// backend/interfaces/http/lead/static/main.js
var root = (
  /** @type {HTMLElement} */
  document.getElementById("lead")
);
var store = new Store();
var transport = new Transport();
var loading = new Loading(transport, store);
var work = new Work(transport, store, loading);
var training = new Training(transport, store, loading);
var thumbnails = new Thumbnails((address, signal) => transport.picture(address, signal));
var parts = { store, transport, loading, work, training, thumbnails };
var VIEWS3 = { labels: Labels, people: People, queues: Queues, review: Review, training: TrainingView, exports: Exports };
function Page({ state }) {
  const { view } = state.place;
  if (!state.ready) return fe`<${Messages} state=${state} parts=${parts} /><${SignIn} state=${state} parts=${parts} />`;
  return fe`
    <${Header} state=${state} parts=${parts} />
    <${Messages} state=${state} parts=${parts} />
    <${ProgressBar} state=${state} parts=${parts} />
    <main aria-busy=${state.loading}>
      ${view === "tasks" ? fe`
          <${Filters} state=${state} parts=${parts} />
          <${ActionsBar} state=${state} parts=${parts} />
          <${Grid} state=${state} parts=${parts} />` : fe`<${VIEWS3[view]} state=${state} parts=${parts} />`}
    </main>
    <${Dialogs} state=${state} parts=${parts} />`;
}
store.listen(oncePerFrame(() => M(fe`<${Page} state=${store.state} parts=${parts} />`, root)));
document.addEventListener("keydown", (event) => onKey(event, parts));
window.addEventListener("popstate", () => loading.go(placeOf(location.search), { isNew: false }));
Object.assign(window, { masklet: parts });
root.textContent = "";
store.set({ place: placeOf(location.search) });
await loading.open(store.state.place);
root.removeAttribute("aria-busy");
