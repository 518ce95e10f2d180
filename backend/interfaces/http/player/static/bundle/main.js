// Made by scripts/page_bundles from the modules in the folder above. Do not edit.

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

// backend/interfaces/http/player/static/actions/activity.js
var BEAT_MS = 1e4;
var INPUTS = ["pointerdown", "pointermove", "keydown", "wheel"];
var Activity = class {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {{now?: () => number, isVisible?: () => boolean}} [clock]  replaced in tests
   */
  constructor(transport2, store2, { now = () => performance.now(), isVisible = () => !document.hidden } = {}) {
    this.transport = transport2;
    this.store = store2;
    this.now = now;
    this.isVisible = isVisible;
    this.sentAt = -Infinity;
    this.isPending = false;
  }
  /** Listens to the person's input. A page in a frame sees its own input only. @param {Window} target */
  listen(target) {
    for (const name of INPUTS) target.addEventListener(name, () => this.touch(), { capture: true, passive: true });
    document.addEventListener("visibilitychange", () => this.#leave());
    setInterval(() => this.#sendIfDue(), BEAT_MS / 4);
  }
  /** There was input. The first after a pause is told at once, later ones once a beat. */
  touch() {
    this.isPending = true;
    this.#sendIfDue();
  }
  #sendIfDue() {
    if (this.isPending && this.isVisible() && this.now() - this.sentAt >= BEAT_MS) this.#send();
  }
  /** The tab is left: what was done since the last beat is told now. */
  #leave() {
    if (this.isPending && !this.isVisible()) this.#send();
  }
  #send() {
    this.isPending = false;
    this.sentAt = this.now();
    this.transport.beat(this.store.state.selected || null).catch(() => {
    });
  }
};

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

// backend/interfaces/http/player/static/state/shown.js
var NONE = [];
function shown(state) {
  const { looked } = state;
  if (!looked) return state;
  const { objects, lanes, nextUncertain, selected } = looked;
  return { ...state, objects, lanes, nextUncertain, selected, prompts: NONE, selectedPrompt: null, rangeStart: null };
}
function nameOf(user) {
  return user || "an import, or a person without a name";
}

// backend/interfaces/http/player/static/actions/changes.js
var Changes = class {
  /**
   * @param {import("../state/state.js").Store} store
   * @param {import("./notices.js").Notices} notices
   * @param {import("../server/connection.js").Connection} connection
   */
  constructor(store2, notices2, connection2) {
    this.store = store2;
    this.notices = notices2;
    this.connection = connection2;
    this.queue = Promise.resolve();
  }
  /**
   * Runs a change after the changes before it. Without an answer it is sent again: each change sets what it names, so
   * twice is as good as once.
   * @param {() => Promise<unknown>} change
   */
  add(change) {
    this.store.act("busy", 1);
    this.queue = this.queue.then(() => this.#untilAnswered(change)).then(() => this.notices.dismiss(), (error) => this.notices.fail(error, "change")).finally(() => this.store.act("busy", -1));
  }
  /** Waits until the changes so far have been answered. @returns {Promise<unknown>} */
  settled() {
    return this.queue;
  }
  /** Refuses, with a sentence, to change anything while another person's masks are shown. @returns {boolean} whether it does */
  refuse() {
    const { looked } = this.store.state;
    if (!looked) return false;
    const text = `These masks are to look at only: they are those of ${nameOf(looked.user)}.`;
    this.notices.say(text, "Press Y to go back to your own.", { source: "looking" });
    return true;
  }
  /** @param {() => Promise<unknown>} change */
  async #untilAnswered(change) {
    for (; ; ) {
      try {
        return await change();
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        await this.connection.back();
      }
    }
  }
};

// backend/interfaces/http/player/static/actions/finding.js
var Finding = class {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {import("./prompts.js").Prompts} prompts
   */
  constructor(transport2, store2, prompts2) {
    this.transport = transport2;
    this.store = store2;
    this.prompts = prompts2;
    this.notices = prompts2.changes.notices;
  }
  /** Finds what a text describes on the open frame. It takes seconds: other work goes on beside it. @param {string} text */
  async find(text) {
    const { state } = this.store;
    const words = text.trim();
    if (!words || state.finding || this.prompts.changes.refuse()) return;
    this.store.act("set", { finding: true });
    try {
      const { detections, known } = await this.transport.detect(state.frame, words);
      this.notices.succeed("finding");
      await this.#take(state.frame, words, detections.map(({ box }) => box), known);
    } catch (error) {
      this.notices.fail(error, "finding");
    } finally {
      this.store.act("set", { finding: false });
    }
  }
  /**
   * Makes an object of each box and says what was found.
   * @param {number} frame
   * @param {string} words
   * @param {Box[]} boxes
   * @param {number} known  those that are objects already
   */
  async #take(frame, words, boxes, known) {
    const before = known ? ` ${known === 1 ? "One more is" : `${known} more are`} marked already.` : "";
    if (!boxes.length) {
      const text = known ? `Nothing new like \u201C${words}\u201D is on frame ${frame + 1}.${before}` : `Nothing like \u201C${words}\u201D was found on frame ${frame + 1}.`;
      this.notices.say(text, known ? "" : "Use other words, or click the object.", { source: "finding" });
      return;
    }
    const label = this.#labelOf(words);
    if (!label) {
      this.notices.say("The project has no labels.", "Add one to its label config.", { source: "finding" });
      return;
    }
    const ids = this.prompts.addBoxes(frame, label, boxes);
    await this.prompts.changes.settled();
    if (!ids.length || this.store.state.notice) return;
    const isOne = ids.length === 1;
    const found = isOne ? ids[0] : `${ids.length} objects, ${ids[0]} to ${ids.at(-1)},`;
    const wayOut = isOne ? "Forget it if it is wrong." : "Forget those that are wrong.";
    this.notices.say(`Found on frame ${frame + 1}: ${found} for \u201C${words}\u201D.${before}`, wayOut, { source: "finding" });
  }
  /** The label that is called like the text, else that of the selected object, else the first. @param {string} words */
  #labelOf(words) {
    const { labels, objects, selected } = this.store.state;
    const named = labels.find(({ name }) => name.toLowerCase() === words.toLowerCase());
    return named?.name ?? objects.find(({ id }) => id === selected)?.label ?? labels[0]?.name ?? "";
  }
};

// backend/interfaces/http/player/static/state/objects.js
var PALETTE = ["#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#d8b400", "#f032e6"];
var GOLDEN_ANGLE = 137.508;
var BY_NUMBER = new Intl.Collator("en", { numeric: true });
function objectsOf(state, listed) {
  const taken = new Set(state.objects.map((each) => each.color));
  return listed.map(({ id, label }, position) => {
    const known = state.objects.find((each) => each.id === id);
    if (known) return known.label === label ? known : { ...known, label };
    const color = freeColor(state, label, id, position, taken);
    taken.add(color);
    return { id, label, color, visible: true, locked: false };
  });
}
function othersObjects(state, known, ids) {
  const own = state.objects.filter(({ id }) => !known.some((each) => each.id === id));
  const objects = [...known, ...own.map((each) => ({ ...each, visible: true, locked: false }))];
  const labelOf = (id) => objects.find((each) => each.id === id)?.label ?? id;
  const listed = [...ids].sort(BY_NUMBER.compare).map((id) => ({ id, label: labelOf(id) }));
  return objectsOf({ ...state, objects }, listed);
}
function freeColor(state, label, id, position, taken) {
  const own = state.labels.find((each) => each.name === label)?.color ?? "";
  if (/^#[0-9a-f]{6}$/i.test(own) && id === label && !taken.has(own)) return own;
  const colors = PALETTE.map((_2, step2) => PALETTE[(position + step2) % PALETTE.length]);
  const free = colors.find((each) => !taken.has(each));
  if (free) return free;
  for (let step2 = position; ; step2 += 1) {
    const color = colorOfHue(step2 * GOLDEN_ANGLE % 360);
    if (!taken.has(color)) return color;
  }
}
function colorOfHue(hue) {
  const channel = (offset) => {
    const turn = (offset + hue / 30) % 12;
    const value = 0.5 - 0.325 * Math.max(-1, Math.min(turn - 3, 9 - turn, 1));
    return Math.round(255 * value).toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}
function freeId(label, taken) {
  const ids = new Set(taken);
  if (!ids.has(label)) return label;
  let number = 2;
  while (ids.has(`${label} ${number}`)) number += 1;
  return `${label} ${number}`;
}

// backend/interfaces/http/player/static/state/changes.js
function clamped(frame, state) {
  return Math.min(Math.max(Math.round(frame), 0), Math.max(state.video.frame_count - 1, 0));
}
var ACTIONS = {
  /** @param {State} state @param {import("../types.js").TaskDocument} task @returns {State} */
  opened: (state, task) => {
    const labelled = { ...state, labels: task.labels };
    const objects = objectsOf(labelled, task.objects);
    return {
      ...labelled,
      user: task.user,
      video: task.video,
      objects,
      prompts: task.prompts,
      model: task.model,
      cuts: task.cuts,
      verdicts: task.verdicts ?? null,
      objections: task.objections ?? [],
      note: task.note ?? "",
      job: task.propagation,
      selected: state.selected || objects[0]?.id || "",
      frame: Math.min(state.frame, Math.max(task.video.frame_count - 1, 0)),
      ready: true
    };
  },
  /** @param {State} state @returns {State} */
  closeNote: (state) => ({ ...state, note: "" }),
  /** @param {State} state @param {{prompts: Prompt[], objects?: ObjectEntry[]}} answer @returns {State} */
  prompted: (state, answer) => {
    const listed = answer.objects ?? state.objects;
    const had = new Set(state.prompts.map((each) => each.object));
    const kept = state.objects.filter(
      (each) => !listed.some((other) => other.id === each.id) && (each.id === state.selected || !had.has(each.id))
    );
    return { ...state, prompts: answer.prompts, objects: [...objectsOf(state, listed), ...kept] };
  },
  /** @param {State} state @param {import("../types.js").TimelineAnswer} answer @returns {State} */
  timeline: (state, answer) => ({ ...state, lanes: answer.objects, nextUncertain: answer.next_uncertain }),
  /** @param {State} state @param {string[]} people @returns {State} */
  people: (state, people) => state.people.join("\n") === people.join("\n") ? state : { ...state, people },
  /** Shows the masks of a person; null: the own. @param {State} state @param {string | null} user @returns {State} */
  look: (state, user) => {
    const looked = user === null ? null : { user, objects: [], lanes: {}, nextUncertain: [], selected: "" };
    return { ...state, looked };
  },
  /** @param {State} state @param {{user: string, answer: import("../types.js").TimelineAnswer}} read @returns {State} */
  lookedTimeline: (state, { user, answer }) => {
    if (state.looked?.user !== user) return state;
    const objects = othersObjects(state, state.looked.objects, Object.keys(answer.objects));
    const isThere = objects.some((each) => each.id === state.looked?.selected);
    const selected = isThere ? state.looked.selected : objects[0]?.id ?? "";
    return { ...state, looked: { user, objects, lanes: answer.objects, nextUncertain: answer.next_uncertain, selected } };
  },
  /** @param {State} state @param {import("../types.js").Verdict[]} verdicts @returns {State} */
  verdicts: (state, verdicts) => ({ ...state, verdicts }),
  /** @param {State} state @param {number} frame @returns {State} */
  frame: (state, frame) => {
    const there = clamped(frame, state);
    return there === state.frame ? state : { ...state, frame: there, selectedPrompt: null };
  },
  /** Selects an object of those that are shown. @param {State} state @param {string} id @returns {State} */
  select: (state, id) => state.looked ? { ...state, looked: { ...state.looked, selected: id } } : { ...state, selected: id, selectedPrompt: null },
  /** @param {State} state @param {import("../types.js").PromptMark | null} selectedPrompt @returns {State} */
  selectPrompt: (state, selectedPrompt) => ({ ...state, selectedPrompt }),
  /** @param {State} state @param {string} label @returns {State} */
  addObject: (state, label) => {
    const id = freeId(label, state.objects.map((each) => each.id));
    const taken = new Set(state.objects.map((each) => each.color));
    const color = freeColor(state, label, id, state.objects.length, taken);
    const added = { id, label, color, visible: true, locked: false };
    return { ...state, objects: [...state.objects, added], selected: id };
  },
  /** @param {State} state @param {string} id @returns {State} */
  removeObject: (state, id) => {
    const objects = state.objects.filter((each) => each.id !== id);
    const selected = state.selected === id ? objects[0]?.id ?? "" : state.selected;
    return { ...state, objects, selected, selectedPrompt: null };
  },
  /**
   * Changes an object of those that are shown.
   * @param {State} state
   * @param {Partial<import("./state.js").ObjectState> & {id: string}} change
   * @returns {State}
   */
  changeObject: (state, change) => {
    const changed = (objects) => objects.map((each) => each.id === change.id ? { ...each, ...change } : each);
    if (!state.looked) return { ...state, objects: changed(state.objects) };
    return { ...state, looked: { ...state.looked, objects: changed(state.looked.objects) } };
  },
  /** @param {State} state @param {Partial<import("./state.js").Switches>} change @returns {State} */
  set: (state, change) => ({ ...state, ...change }),
  /** @param {State} state @param {import("../types.js").Job | null} job @returns {State} */
  job: (state, job) => ({ ...state, job }),
  /** @param {State} state @param {1 | -1} step @returns {State} */
  busy: (state, step2) => ({ ...state, busy: state.busy + step2 }),
  /** @param {State} state @param {import("./state.js").NoticeState | null} notice @returns {State} */
  notice: (state, notice) => state.notice === notice ? state : { ...state, notice }
};

// backend/interfaces/http/player/static/state/state.js
var INITIAL = {
  user: "",
  video: { frame_count: 0, width: 0, height: 0, frame_rate: 25, times_s: null },
  labels: [],
  objects: [],
  prompts: [],
  model: { version: "", is_demo: false, notice: "" },
  cuts: [],
  verdicts: null,
  objections: [],
  note: "",
  lanes: {},
  nextUncertain: [],
  job: null,
  people: [],
  looked: null,
  frame: 0,
  selected: "",
  selectedPrompt: null,
  busy: 0,
  notice: null,
  ready: false,
  tool: "click",
  playing: false,
  speed: 1,
  loop: false,
  hover: true,
  boxes: false,
  thumbnails: false,
  onlySelected: false,
  skip: 0,
  help: false,
  finding: false,
  connected: true,
  needsToken: false,
  stopAt: 0,
  rangeStart: null
};
var Store = class {
  /** @param {State} initial */
  constructor(initial = INITIAL) {
    this.state = initial;
    this.listeners = /* @__PURE__ */ new Set();
  }
  /**
   * Changes the state by one action and calls the listeners if something changed.
   * @template {keyof typeof ACTIONS} Name
   * @param {Name} name
   * @param {Parameters<(typeof ACTIONS)[Name]>[1]} value
   */
  act(name, value) {
    const before = this.state;
    const change = (
      /** @type {(state: State, value: unknown) => State} */
      ACTIONS[name]
    );
    this.state = change(before, value);
    if (this.state !== before) for (const listener of this.listeners) listener(this.state, before);
  }
  /** @param {(state: State, before: State) => void} listener */
  listen(listener) {
    this.listeners.add(listener);
  }
};
function objectOf(state, id) {
  return state.objects.find((each) => each.id === id);
}
function promptAt(state, object, frame) {
  return state.prompts.find((each) => each.object === object && each.frame === frame) ?? null;
}
function humanFrames(state) {
  const frames3 = new Set(state.prompts.map((prompt) => prompt.frame));
  for (const lane of Object.values(state.lanes)) for (const frame of lane.human) frames3.add(frame);
  return [...frames3].sort((a2, b2) => a2 - b2);
}
function verdictOf(state, object) {
  return state.verdicts?.find((each) => each.object === object) ?? null;
}
function isPropagating(state) {
  return state.job !== null && (state.job.state === "queued" || state.job.state === "running");
}

// backend/interfaces/http/player/static/actions/hover.js
var REFUSED_MS = 300;
var Hover = class {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {(mask: import("../types.js").MaskEntry | null) => void} show
   */
  constructor(transport2, store2, show) {
    this.transport = transport2;
    this.store = store2;
    this.show = show;
    this.place = null;
    this.isAsking = false;
  }
  /** @param {PointPrompt | null} point  null: the mouse left the picture */
  async over(point) {
    this.place = point;
    if (!point) this.show(null);
    if (this.isAsking) return;
    this.isAsking = true;
    let asked = null;
    while (this.place && this.place !== asked) {
      asked = this.place;
      if (!await this.#ask(asked)) await new Promise((done) => setTimeout(done, REFUSED_MS));
    }
    this.isAsking = false;
  }
  /**
   * Shows the mask of a place, if frame and object are still the same when it comes.
   * @param {PointPrompt} point
   * @returns {Promise<boolean>} false if it was refused: the frame is not encoded yet, or the worker is busy
   */
  async #ask(point) {
    const { state } = this.store;
    const object = objectOf(state, state.selected);
    if (!object || object.locked || state.looked || state.busy || !state.connected) {
      this.show(null);
      return true;
    }
    const wanted = { frame: state.frame, object: object.id, label: object.label, point };
    try {
      const mask = (await this.transport.hover(wanted)).masks[0] ?? null;
      const now = this.store.state;
      const isWanted = this.place && !now.busy && !now.looked && now.frame === wanted.frame && now.selected === wanted.object;
      this.show(isWanted ? mask : null);
      return true;
    } catch {
      this.show(null);
      return false;
    }
  }
};

// backend/interfaces/http/player/static/actions/locks.js
function keepLocks(store2, { project, task, user }) {
  const key = `masklet locks ${project} ${task} ${user}`;
  for (const id of read(key)) if (objectOf(store2.state, id)) store2.act("changeObject", { id, locked: true });
  store2.listen(({ objects }, before) => {
    if (objects !== before.objects) write(key, objects.filter((each) => each.locked).map((each) => each.id));
  });
}
function read(key) {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(kept) ? kept.map(String) : [];
  } catch {
    return [];
  }
}
function write(key, ids) {
  try {
    if (ids.length) localStorage.setItem(key, JSON.stringify(ids));
    else localStorage.removeItem(key);
  } catch {
  }
}

// backend/interfaces/http/player/static/media/frame_cache.js
var ENCODED_BYTES = 64 * 2 ** 20;
var DECODED_BYTES = 64 * 2 ** 20;
var LEAST_DECODED = 4;
var AT_ONCE = 4;
var AHEAD = 90;
var BEHIND = 10;
var DECODED_AHEAD = 12;
var DECODED_BEHIND = 3;
var RETRY_MS = 1e3;
var FrameCache = class {
  /**
   * @param {(frame: number, signal: AbortSignal) => Promise<Blob>} fetchPicture
   * @param {(frame: number) => void} onPicture  called with each frame that is fetched or decoded
   * @param {(error: unknown) => void} onError
   */
  constructor(fetchPicture, onPicture, onError) {
    this.fetchPicture = fetchPicture;
    this.onPicture = onPicture;
    this.onError = onError;
    this.count = 0;
    this.center = 0;
    this.step = 1;
    this.others = [];
    this.blobs = /* @__PURE__ */ new Map();
    this.bitmaps = /* @__PURE__ */ new Map();
    this.loading = /* @__PURE__ */ new Map();
    this.decoding = /* @__PURE__ */ new Set();
    this.blobBytes = 0;
    this.pictureBytes = 1;
    this.failedUntilMs = 0;
  }
  /** @param {number} frame @returns {ImageBitmap | undefined} */
  bitmap(frame) {
    return this.bitmaps.get(frame);
  }
  /** @param {number} frame @returns {Blob | undefined} */
  blob(frame) {
    return this.blobs.get(frame);
  }
  /**
   * Moves the window. step: 1 or -1, the direction of play.
   * @param {number} frame
   * @param {number} step
   */
  moveTo(frame, step2 = 1) {
    this.center = frame;
    this.step = step2;
    const wanted = /* @__PURE__ */ new Set([...this.#window(AHEAD, BEHIND), ...this.others]);
    for (const [far, controller] of this.loading) {
      if (!wanted.has(far)) controller.abort();
    }
    if (!this.blobs.has(frame) && !this.loading.has(frame) && this.loading.size >= AT_ONCE) {
      const far = farthest(this.loading.keys(), (each) => this.#distance(each));
      this.loading.get(far)?.abort();
      this.loading.delete(far);
    }
    this.fill();
  }
  /** Fetches these frames too. @param {number[]} frames */
  want(frames3) {
    if (!frames3.length && !this.others.length) return;
    this.others = frames3;
    this.fill();
  }
  /** Fetches and decodes what the windows lack. */
  fill() {
    const shown2 = this.#window(DECODED_AHEAD, DECODED_BEHIND).slice(0, this.#mostDecoded());
    for (const frame of shown2) void this.#decode(frame);
    if (performance.now() < this.failedUntilMs) return;
    for (const frame of [...shown2, ...this.others, ...this.#window(AHEAD, BEHIND)]) {
      if (this.loading.size >= AT_ONCE) return;
      if (!this.blobs.has(frame) && !this.loading.has(frame) && this.#hasRoom(frame)) void this.#load(frame);
    }
  }
  /** Whether a frame would stay: there are bytes left, or one farther away gives its own. @param {number} frame */
  #hasRoom(frame) {
    const mean = this.blobBytes / Math.max(this.blobs.size, 1);
    if (this.blobBytes + (this.loading.size + 1) * mean <= ENCODED_BYTES) return true;
    const far = farthest(this.blobs.keys(), (each) => this.#distance(each));
    return this.#distance(frame) < this.#distance(far);
  }
  /** The frames to have, the most urgent first. @param {number} ahead @param {number} behind */
  #window(ahead, behind) {
    const frames3 = [this.center];
    for (let distance = 1; distance <= ahead; distance += 1) {
      frames3.push(this.center + this.step * distance);
      if (distance <= behind) frames3.push(this.center - this.step * distance);
    }
    return frames3.filter((frame) => frame >= 0 && frame < this.count);
  }
  /** @param {number} frame */
  async #load(frame) {
    const controller = new AbortController();
    this.loading.set(frame, controller);
    try {
      const blob = await this.fetchPicture(frame, controller.signal);
      this.#keep(frame, blob);
      this.onPicture(frame);
    } catch (error) {
      if (!isAborted(error)) this.#retry(error);
    } finally {
      if (this.loading.get(frame) === controller) this.loading.delete(frame);
    }
    this.fill();
  }
  /** @param {unknown} error */
  #retry(error) {
    this.failedUntilMs = performance.now() + RETRY_MS;
    setTimeout(() => this.fill(), RETRY_MS + 1);
    this.onError(error);
  }
  /** @param {number} frame @param {Blob} blob */
  #keep(frame, blob) {
    this.blobBytes += blob.size - (this.blobs.get(frame)?.size ?? 0);
    this.blobs.set(frame, blob);
    while (this.blobBytes > ENCODED_BYTES && this.blobs.size > 1) {
      const far = farthest(this.blobs.keys(), (each) => this.#distance(each));
      this.blobBytes -= this.blobs.get(far)?.size ?? 0;
      this.blobs.delete(far);
    }
  }
  /** @param {number} frame */
  async #decode(frame) {
    const blob = this.blobs.get(frame);
    if (!blob || this.bitmaps.has(frame) || this.decoding.has(frame)) return;
    this.decoding.add(frame);
    try {
      const bitmap = await createImageBitmap(blob);
      this.bitmaps.set(frame, bitmap);
      this.pictureBytes = bytesOf(bitmap);
      this.#dropDecoded();
      if (this.bitmaps.has(frame)) this.onPicture(frame);
    } catch (error) {
      this.blobBytes -= blob.size;
      this.blobs.delete(frame);
      this.#retry(error);
    } finally {
      this.decoding.delete(frame);
    }
  }
  #dropDecoded() {
    while (this.bitmaps.size > this.#mostDecoded()) {
      const far = farthest(this.bitmaps.keys(), (each) => this.#distance(each));
      this.bitmaps.get(far)?.close();
      this.bitmaps.delete(far);
    }
  }
  /** How many pictures of the newest one's size are kept decoded. */
  #mostDecoded() {
    return Math.max(Math.floor(DECODED_BYTES / this.pictureBytes), LEAST_DECODED);
  }
  /** What is ahead counts as nearer than what is behind. @param {number} frame */
  #distance(frame) {
    const distance = (frame - this.center) * this.step;
    return distance >= 0 ? distance : -3 * distance;
  }
};
function bytesOf(bitmap) {
  return bitmap.width * bitmap.height * 4;
}
function farthest(frames3, distance) {
  let [found, most] = [-1, -Infinity];
  for (const frame of frames3) {
    const here = distance(frame);
    if (here > most) [found, most] = [frame, here];
  }
  return found;
}

// backend/interfaces/http/player/static/media/mask_cache.js
var BLOCK = 60;
var MOST_CHARACTERS = 32 * 2 ** 20;
var ENTRY_CHARACTERS = 100;
var LEAST_BLOCKS = 4;
var RETRY_MS2 = 1e3;
var MaskCache = class {
  /**
   * @param {(start: number, stop: number) => Promise<{masks: MaskEntry[]}>} fetchMasks
   * @param {(frames: number[]) => void} onMasks  called with the frames whose masks changed
   * @param {(error: unknown) => void} onError
   */
  constructor(fetchMasks, onMasks, onError) {
    this.fetchMasks = fetchMasks;
    this.onMasks = onMasks;
    this.onError = onError;
    this.count = 0;
    this.center = 0;
    this.step = 1;
    this.blocks = /* @__PURE__ */ new Map();
    this.changes = 0;
    this.requests = 0;
    this.size = 0;
  }
  /** @param {number} frame @returns {MaskEntry[]} */
  at(frame) {
    return [...this.#frame(frame)?.values() ?? []].flatMap(({ mask }) => mask ? [mask] : []);
  }
  /** @param {number} frame @param {string} object @returns {MaskEntry | undefined} */
  mask(frame, object) {
    return this.#frame(frame)?.get(object)?.mask ?? void 0;
  }
  /** A number that no other masks of the frame have had; 0: nothing is known. @param {number} frame @returns {number} */
  version(frame) {
    return Math.max(0, ...[...this.#frame(frame)?.values() ?? []].map((held) => held.change));
  }
  /** @param {number} frame @returns {boolean} whether the server's first answer about the frame is on its way */
  isLoading(frame) {
    const block = this.blocks.get(blockOf(frame));
    return block?.state === "loading" && !block.isKnown;
  }
  /** @param {number} frame @param {number} step */
  moveTo(frame, step2 = 1) {
    this.center = frame;
    this.step = step2;
    this.want([frame, frame + step2 * BLOCK]);
  }
  /** Asks the server for the masks of these frames. @param {number[]} frames */
  want(frames3) {
    for (const block of new Set(frames3.map(blockOf))) void this.#load(block);
  }
  /** Makes the server be asked again for all masks; what is here is shown until then. */
  invalidate() {
    for (const block of this.blocks.values()) block.state = "partial";
    this.moveTo(this.center, this.step);
  }
  /** Asks the server again as `invalidate` does, but waits for what it has yet to answer. */
  refresh() {
    for (const block of this.blocks.values()) if (block.state === "complete") block.state = "partial";
    this.moveTo(this.center, this.step);
  }
  /** @param {string | null} object  null: all */
  drop(object) {
    this.changes += 1;
    const touched = [];
    for (const block of this.blocks.values()) {
      for (const [frame, held] of block.frames) {
        for (const id of held.keys()) if (object === null || id === object) this.#hold(frame, id, null);
        touched.push(frame);
      }
    }
    this.onMasks(touched);
  }
  /** @param {MaskEntry[]} masks */
  put(masks2) {
    if (!masks2.length) return;
    this.changes += 1;
    for (const mask of masks2) this.#hold(mask.frame, mask.object, mask);
    this.#dropFarthest();
    this.onMasks([...new Set(masks2.map((each) => each.frame))]);
  }
  /**
   * Replaces an object's mask of one frame; without one it goes.
   * @param {number} frame
   * @param {string} object
   * @param {MaskEntry[]} masks
   */
  replace(frame, object, masks2) {
    this.changes += 1;
    this.#hold(frame, object, null);
    for (const mask of masks2) this.#hold(mask.frame, mask.object, mask);
    this.onMasks([.../* @__PURE__ */ new Set([frame, ...masks2.map((each) => each.frame)])]);
  }
  /** @param {number} frame */
  #frame(frame) {
    return this.blocks.get(blockOf(frame))?.frames.get(frame);
  }
  /** @param {number} number @returns {Block} */
  #block(number) {
    let block = this.blocks.get(number);
    if (!block) this.blocks.set(number, block = { state: "partial", frames: /* @__PURE__ */ new Map(), size: 0, request: 0, isKnown: false });
    return block;
  }
  /** @param {number} frame @param {string} object @param {MaskEntry | null} mask  null: there is none */
  #hold(frame, object, mask) {
    const block = this.#block(blockOf(frame));
    let here = block.frames.get(frame);
    if (!here) block.frames.set(frame, here = /* @__PURE__ */ new Map());
    const grown = sizeOf(mask) - sizeOf(here.get(object)?.mask ?? null);
    here.set(object, { mask, change: this.changes });
    block.size += grown;
    this.size += grown;
  }
  /** @param {number} number */
  async #load(number) {
    const start = number * BLOCK;
    if (start < 0 || start >= this.count || this.#block(number).state !== "partial") return;
    const [block, asked, request] = [this.#block(number), this.changes, this.requests += 1];
    block.state = "loading";
    block.request = request;
    try {
      const { masks: masks2 } = await this.fetchMasks(start, Math.min(start + BLOCK, this.count));
      if (this.blocks.get(number) !== block || block.request !== request) return;
      block.state = "complete";
      block.isKnown = true;
      this.#merge(block, masks2, asked);
      this.#dropFarthest();
    } catch (error) {
      if (block.request === request) block.state = "partial";
      this.onError(error);
      setTimeout(() => this.moveTo(this.center, this.step), RETRY_MS2);
    }
  }
  /**
   * Takes a block's masks as the server has them. What an edit or a propagation changed since then is newer, and stays;
   * so do masks that are the same, which need not be painted again.
   * @param {Block} block
   * @param {MaskEntry[]} masks
   * @param {number} asked  the count of changes when the server was asked
   */
  #merge(block, masks2, asked) {
    this.changes += 1;
    const keyOf = (frame, object) => `${frame} ${object}`;
    const listed = new Set(masks2.map((mask) => keyOf(mask.frame, mask.object)));
    for (const [frame, here] of block.frames) {
      for (const [object, { mask, change }] of here) {
        if (mask && change <= asked && !listed.has(keyOf(frame, object))) this.#hold(frame, object, null);
      }
    }
    for (const mask of masks2) {
      const held = block.frames.get(mask.frame)?.get(mask.object);
      if (!held || held.change <= asked && !isSame(held.mask, mask)) this.#hold(mask.frame, mask.object, mask);
    }
    this.onMasks([.../* @__PURE__ */ new Set([...block.frames.keys(), this.center])]);
  }
  #dropFarthest() {
    const center = this.center / BLOCK;
    while (this.size > MOST_CHARACTERS && this.blocks.size > LEAST_BLOCKS) {
      const far = farthest(this.blocks.keys(), (each) => Math.abs(each + 0.5 - center));
      const block = this.blocks.get(far);
      this.size -= block?.size ?? 0;
      this.blocks.delete(far);
    }
  }
};
function blockOf(frame) {
  return Math.floor(frame / BLOCK);
}
function isSame(one, other) {
  return one !== null && one.rle?.counts === other.rle?.counts && one.origin === other.origin && one.uncertainty === other.uncertainty;
}
function sizeOf(mask) {
  return mask === null ? 0 : (mask.rle?.counts.length ?? 0) + ENTRY_CHARACTERS;
}

// backend/interfaces/http/player/static/actions/looking.js
var FORBIDDEN = 403;
var LOOK_AGAIN_MS = 5e3;
var LIST_AGAIN_MS = 3e4;
var SHARE = 4;
var Looking = class {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {import("../media/shown_masks.js").ShownMasks} shownMasks
   * @param {import("./notices.js").Notices} notices
   * @param {(frames: number[]) => void} onMasks  called with the frames whose masks changed
   * @param {() => boolean} isDrawing  whether something is being drawn
   */
  constructor(transport2, store2, shownMasks2, notices2, onMasks, isDrawing) {
    this.transport = transport2;
    this.store = store2;
    this.shownMasks = shownMasks2;
    this.notices = notices2;
    this.onMasks = onMasks;
    this.isDrawing = isDrawing;
    this.timer = 0;
    this.isReading = false;
    this.lastMs = 0;
    this.isAllowed = false;
  }
  /** Shows the masks of a person. @param {string} user */
  look(user) {
    if (this.store.state.looked?.user === user) return;
    if (this.isDrawing()) {
      this.notices.say("Something is being drawn.", "Close it (Enter) or give it up (Escape) first.");
      return;
    }
    this.#end();
    const cache = new MaskCache(
      (start, stop) => this.transport.masks(start, stop, user),
      this.onMasks,
      (error) => {
        if (this.shownMasks.cache === cache) this.#fail(error, "masks");
      }
    );
    cache.count = this.store.state.video.frame_count;
    this.shownMasks.show(cache);
    this.store.act("look", user);
    this.refresh();
  }
  /** Shows the person's own masks again. */
  back() {
    if (!this.store.state.looked) return;
    this.#end();
    this.shownMasks.show(this.shownMasks.own);
    this.store.act("look", null);
    this.notices.succeed("looking");
    this.refresh();
  }
  /** Shows the masks of the next person; after the last, the person's own. */
  async next() {
    await this.#list();
    const { people, looked } = this.store.state;
    const next = people[looked ? people.indexOf(looked.user) + 1 : 0];
    if (next !== void 0) this.look(next);
    else if (looked) this.back();
    else this.notices.say("There are no masks of other people to look at.");
  }
  /** Reads anew, now and from time to time: whom one can look at, or what is looked at. */
  refresh() {
    clearTimeout(this.timer);
    if (this.isReading) return;
    void this.#refresh();
  }
  async #refresh() {
    const { looked } = this.store.state;
    this.isReading = true;
    if (!document.hidden && this.store.state.connected) await (looked ? this.#read(looked.user) : this.#list());
    this.isReading = false;
    const now = this.store.state.looked;
    if (!this.isAllowed) return;
    if (now?.user !== looked?.user) this.refresh();
    else this.timer = setTimeout(() => this.refresh(), now ? Math.max(LOOK_AGAIN_MS, SHARE * this.lastMs) : LIST_AGAIN_MS);
  }
  async #list() {
    if (!this.isAllowed) return;
    try {
      const { users } = await this.transport.users();
      this.store.act("people", users.filter((each) => !each.is_you).map((each) => each.user));
    } catch (error) {
      if (isForbidden(error)) this.isAllowed = false;
    }
  }
  /** @param {string} user */
  async #read(user) {
    const startMs = performance.now();
    try {
      const answer = await this.transport.timeline(user);
      this.store.act("lookedTimeline", { user, answer });
      if (!this.store.state.playing && this.store.state.looked?.user === user) this.shownMasks.cache.refresh();
      this.notices.succeed("timeline");
    } catch (error) {
      if (this.store.state.looked?.user === user) this.#fail(error, "timeline");
    }
    this.lastMs = performance.now() - startMs;
  }
  /** @param {unknown} error @param {string} source */
  #fail(error, source) {
    if (isForbidden(error)) {
      this.isAllowed = false;
      this.back();
      this.store.act("people", []);
    }
    this.notices.fail(error, source);
  }
  /** Ends the reads of the masks that were looked at. */
  #end() {
    if (this.shownMasks.cache !== this.shownMasks.own) this.shownMasks.cache.count = 0;
  }
};
function isForbidden(error) {
  return error instanceof ApiError && error.status === FORBIDDEN;
}

// backend/interfaces/http/player/static/actions/notices.js
var Notices = class {
  /** @param {import("../state/state.js").Store} store */
  constructor(store2) {
    this.store = store2;
  }
  /**
   * @param {string} text  one sentence
   * @param {string} wayOut  what the person can do
   * @param {{kind?: "info" | "error", source?: string}} [options]
   */
  say(text, wayOut = "", { kind = "info", source = "page" } = {}) {
    this.store.act("notice", { text, wayOut, kind, source });
  }
  /**
   * Says what failed. A lost connection is said by the state "connected", and a missing sign-in has its form.
   * @param {unknown} error
   * @param {string} source  what failed: "change", "frames", "masks", "timeline", "propagation" or "page"
   */
  fail(error, source = "page") {
    if (error instanceof ConnectionLost || isAborted(error)) return;
    if (isSignInNeeded(error)) this.store.act("set", { needsToken: true });
    if (error instanceof ApiError) {
      this.say(error.message, error.wayOut, { kind: "error", source });
      return;
    }
    console.error(error);
    this.say("The page made a mistake.", "Reload it; what was drawn is on the server.", { kind: "error", source });
  }
  /** Takes back what was said of a source that succeeds again. @param {string} source */
  succeed(source) {
    if (this.store.state.notice?.source === source) this.dismiss();
  }
  dismiss() {
    this.store.act("notice", null);
  }
};

// backend/interfaces/http/player/static/actions/opening.js
var AGAIN_MS = 1500;
async function openTask(addressed, transport2, notices2, nextSignIn) {
  for (; ; ) {
    try {
      await transport2.signIn();
      await transport2.find(addressed);
      const task = await transport2.task((detail) => notices2.say(detail, "", { source: "opening" }));
      notices2.dismiss();
      return task;
    } catch (error) {
      notices2.fail(error, "opening");
      if (isSignInNeeded(error)) await nextSignIn();
      else if (isTemporary(error)) await new Promise((resume) => setTimeout(resume, AGAIN_MS));
      else return null;
    }
  }
}
function isTemporary(error) {
  return error instanceof ConnectionLost || error instanceof ApiError && error.status >= 500;
}

// backend/interfaces/http/player/static/state/undo.js
var MOST_STEPS = 200;
var History = class {
  constructor() {
    this.done = [];
    this.undone = [];
  }
  /** @param {Step} step */
  add(step2) {
    this.done.push(step2);
    if (this.done.length > MOST_STEPS) this.done.shift();
    this.undone = [];
  }
  /** The step to take back, with the prompt to set; null without one. @returns {Repeat | null} */
  undo() {
    const step2 = this.done.pop();
    if (!step2) return null;
    this.undone.push(step2);
    return { step: step2, prompt: step2.before };
  }
  /** @returns {Repeat | null} */
  redo() {
    const step2 = this.undone.pop();
    if (!step2) return null;
    this.done.push(step2);
    return { step: step2, prompt: step2.after };
  }
  /** Drops the steps of an object that was forgotten. @param {string | null} object  null: all */
  forget(object) {
    const keeps = (step2) => object !== null && step2.object !== object;
    this.done = this.done.filter(keeps);
    this.undone = this.undone.filter(keeps);
  }
};

// backend/interfaces/http/player/static/actions/prompts.js
var Prompts = class {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {import("../media/mask_cache.js").MaskCache} masks
   * @param {import("./changes.js").Changes} changes
   * @param {import("./timeline_reader.js").TimelineReader} timeline
   */
  constructor(transport2, store2, masks2, changes2, timeline2) {
    this.transport = transport2;
    this.store = store2;
    this.masks = masks2;
    this.changes = changes2;
    this.timeline = timeline2;
    this.history = new History();
  }
  /** Adds a click on the selected object of the open frame. @param {import("../types.js").PointPrompt} point */
  point(point) {
    this.#edit((before) => ({ ...before, points: [...before.points, point], mask: null }));
  }
  /** @param {import("../types.js").Box} box */
  box(box) {
    this.#edit((before) => ({ ...before, box, mask: null }));
  }
  /** @param {import("../types.js").Rle} mask  of the video's size */
  mask(mask) {
    this.#edit((before) => ({ ...before, points: [], box: null, mask }));
  }
  /** @param {import("../types.js").PromptMark} at @param {number} x @param {number} y */
  movePoint(at, x2, y2) {
    this.#edit((before) => ({
      ...before,
      points: before.points.map((each, index) => index === at.point ? [x2, y2, each[2]] : each)
    }), at);
  }
  /**
   * Adds an object of a label for each box on a frame.
   * @param {number} frame
   * @param {string} label
   * @param {import("../types.js").Box[]} boxes
   * @returns {string[]} their ids; none where nothing may be changed
   */
  addBoxes(frame, label, boxes) {
    if (this.changes.refuse()) return [];
    return boxes.map((box) => {
      this.store.act("addObject", label);
      const object = this.store.state.selected;
      this.#edit((before) => ({ ...before, box, mask: null }), { object, frame });
      return object;
    });
  }
  /** Deletes the selected prompt; without one, all prompts of the selected object on the open frame. */
  deletePrompt() {
    if (this.changes.refuse()) return;
    const at = this.store.state.selectedPrompt;
    this.store.act("selectPrompt", null);
    this.#edit((before) => {
      if (at === null) return null;
      const points = before.points.filter((_2, index) => index !== at.point);
      const box = at.point < 0 ? null : before.box;
      return points.length || box ? { ...before, points, box } : null;
    }, at ?? void 0);
  }
  undo() {
    if (!this.changes.refuse()) this.#repeat(this.history.undo());
  }
  redo() {
    if (!this.changes.refuse()) this.#repeat(this.history.redo());
  }
  /** Forgets the prompts and masks of an object; null: of all. @param {string | null} object */
  forget(object) {
    if (this.changes.refuse()) return;
    const { state } = this.store;
    const locked = state.objects.find((each) => each.locked && (object === null || each.id === object));
    if (locked) {
      this.#sayLocked(locked.id);
      return;
    }
    this.changes.add(async () => {
      const known = object === null || this.store.state.prompts.some((each) => each.object === object);
      if (known) this.store.act("prompted", await this.transport.forget(object));
      this.history.forget(object);
      if (object === null) for (const each of this.store.state.objects) this.store.act("removeObject", each.id);
      else this.store.act("removeObject", object);
      this.masks.drop(object);
      this.timeline.soon();
    });
  }
  /** @param {string} object @param {string} label */
  rename(object, label) {
    if (this.changes.refuse()) return;
    this.store.act("changeObject", { id: object, label });
    if (!this.store.state.prompts.some((each) => each.object === object)) return;
    this.changes.add(async () => this.store.act("prompted", await this.transport.rename(object, label)));
  }
  /** @param {import("../state/undo.js").Repeat | null} taken */
  #repeat(taken) {
    if (!taken) {
      this.changes.notices.say("There is nothing to take back or to repeat.");
      return;
    }
    const { frame, object } = taken.step;
    this.store.act("frame", frame);
    this.store.act("select", object);
    this.changes.add(() => this.#put(frame, object, taken.prompt));
  }
  /**
   * @param {(before: Prompt) => Prompt | null} change
   * @param {{object: string, frame: number}} [at]  default: the selected object on the open frame
   */
  #edit(change, at) {
    if (this.changes.refuse()) return;
    const frame = at?.frame ?? this.store.state.frame;
    const id = at?.object ?? this.#selectedObject();
    const object = objectOf(this.store.state, id);
    if (!object) {
      this.changes.notices.say("There is no object to mark.", "Add one in the list of objects.");
      return;
    }
    if (object.locked) {
      this.#sayLocked(id);
      return;
    }
    this.changes.add(async () => {
      const before = promptAt(this.store.state, id, frame);
      const after = change(before ?? { object: id, frame, points: [], box: null, mask: null });
      if (before === null && after === null) return;
      await this.#put(frame, id, after);
      this.history.add({ object: id, frame, before, after });
    });
  }
  /** The selected object; without any, a new one of the first label. */
  #selectedObject() {
    const { state } = this.store;
    if (!state.selected && state.labels.length) this.store.act("addObject", state.labels[0].name);
    return this.store.state.selected;
  }
  /** @param {number} frame @param {string} object @param {Prompt | null} prompt */
  async #put(frame, object, prompt) {
    const label = objectOf(this.store.state, object)?.label ?? object;
    const body = prompt && { label, points: prompt.points, box: prompt.box, mask: prompt.mask };
    const answer = await this.transport.setPrompt(frame, object, body);
    this.store.act("prompted", answer);
    this.masks.replace(frame, object, answer.masks);
    this.timeline.soon();
  }
  /** @param {string} object */
  #sayLocked(object) {
    this.changes.notices.say(`${object} is locked.`, "Unlock it in the list of objects.");
  }
};

// backend/interfaces/http/player/static/actions/propagation.js
var UNCERTAIN_FROM = 0.5;
var Propagation = class {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {import("../media/mask_cache.js").MaskCache} masks
   * @param {import("./changes.js").Changes} changes
   * @param {import("./timeline_reader.js").TimelineReader} timeline
   */
  constructor(transport2, store2, masks2, changes2, timeline2) {
    this.transport = transport2;
    this.store = store2;
    this.masks = masks2;
    this.changes = changes2;
    this.notices = changes2.notices;
    this.timeline = timeline2;
    this.endFollowing = () => {
    };
  }
  /**
   * Starts from the open frame.
   * @param {import("../types.js").Direction} direction
   * @param {number | null} count  frames; null: to the end
   * @param {number} stopAt  the uncertainty that stops it; 0: none
   */
  start(direction, count, stopAt = 0) {
    if (this.changes.refuse()) return;
    const { state } = this.store;
    const objects = this.#objects();
    if (typeof objects === "string") {
      this.notices.say(objects, "Click an object first.");
      return;
    }
    this.changes.add(async () => {
      const { frame: start, skip } = state;
      const job = await this.transport.propagate({ start, direction, count, objects, skip });
      this.store.act("set", { stopAt });
      this.store.act("job", job);
      this.follow();
    });
  }
  /** The objects to propagate; null: all; a sentence where there is none. @returns {string[] | null | string} */
  #objects() {
    const { state } = this.store;
    const prompted = [...new Set(state.prompts.map((each) => each.object))];
    if (!prompted.length) return "Nothing is marked yet.";
    if (state.onlySelected && !prompted.includes(state.selected)) return `${state.selected || "No object"} is not marked yet.`;
    const wanted = state.onlySelected ? [state.selected] : prompted;
    const free = wanted.filter((each) => !objectOf(state, each)?.locked);
    if (!free.length) return "All marked objects are locked.";
    return free.length === prompted.length ? null : free;
  }
  async stop() {
    const { job } = this.store.state;
    if (!job || !isPropagating(this.store.state)) return;
    try {
      this.store.act("job", await this.transport.stop(job.id));
    } catch (error) {
      this.notices.fail(error, "propagation");
    }
  }
  /** Shows the masks of the newest propagation while they are made. */
  follow() {
    this.endFollowing();
    this.endFollowing = this.transport.follow("", {
      job: (job) => {
        this.store.act("job", job);
        if (job.state !== "failed") this.notices.succeed("propagation");
        else this.#sayProblem(job.detail || "The propagation failed.", "Ask again.");
      },
      masks: (masks2) => {
        this.masks.put(masks2);
        this.timeline.soon();
        this.#stopWhereUncertain(masks2);
      },
      problem: ({ detail, way_out: wayOut }) => this.#sayProblem(detail || "The propagation cannot be read.", wayOut),
      end: () => {
        this.masks.invalidate();
        this.timeline.soon();
      }
    });
  }
  /** @param {import("../types.js").MaskEntry[]} masks */
  #stopWhereUncertain(masks2) {
    const { stopAt, looked } = this.store.state;
    const uncertain = stopAt && masks2.find((mask) => mask.origin === "propagated" && mask.uncertainty >= stopAt);
    if (!uncertain) return;
    this.store.act("set", { stopAt: 0 });
    void this.stop();
    if (looked) {
      this.notices.say(`Your ${uncertain.object} is uncertain on frame ${uncertain.frame + 1}.`, "Press Y to go back to your own masks.");
      return;
    }
    this.store.act("frame", uncertain.frame);
    this.store.act("select", uncertain.object);
    this.notices.say(`${uncertain.object} is uncertain here.`, "Correct it, or go on.");
  }
  /** @param {string} text */
  #sayProblem(text, wayOut = "Ask again.") {
    this.notices.say(text, wayOut, { kind: "error", source: "propagation" });
  }
};

// backend/interfaces/http/player/static/actions/review.js
var Review = class {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {import("../media/mask_cache.js").MaskCache} masks
   * @param {import("./changes.js").Changes} changes
   * @param {import("./timeline_reader.js").TimelineReader} timeline
   */
  constructor(transport2, store2, masks2, changes2, timeline2) {
    this.transport = transport2;
    this.store = store2;
    this.masks = masks2;
    this.changes = changes2;
    this.timeline = timeline2;
  }
  /** Approves the masks of the open frame. */
  approve() {
    const { frame } = this.store.state;
    this.#approve(frame, frame + 1);
  }
  /** Makes the open frame the start of a range to approve; a second time, ends that. */
  markRange() {
    if (this.changes.refuse()) return;
    const { state } = this.store;
    this.store.act("set", { rangeStart: state.rangeStart === null ? state.frame : null });
  }
  /** Approves the masks from the range's start to the open frame, both included. */
  approveRange() {
    if (this.changes.refuse()) return;
    const { frame, rangeStart } = this.store.state;
    if (rangeStart === null) {
      this.changes.notices.say("No range is started.", "Go to its first frame and press M.");
      return;
    }
    this.store.act("set", { rangeStart: null });
    this.#approve(Math.min(rangeStart, frame), Math.max(rangeStart, frame) + 1);
  }
  /** @param {number} start @param {number} stop  exclusive */
  #approve(start, stop) {
    if (this.changes.refuse()) return;
    this.changes.add(async () => {
      const answer = await this.transport.approve({ object: null, start, stop });
      this.store.act("prompted", answer);
      this.masks.put(answer.masks);
      this.timeline.soon();
    });
  }
  /**
   * Says what the person thinks of an object's masks; null takes it back.
   * @param {string | null} object  null: the whole task
   * @param {import("../types.js").VerdictName | null} verdict
   * @param {string} comment
   */
  judge(object, verdict, comment) {
    if (this.changes.refuse()) return;
    this.changes.add(async () => {
      const answer = await this.transport.setVerdict(object, verdict && { verdict, comment });
      this.store.act("verdicts", answer.verdicts);
    });
  }
  /** @param {1 | -1} step  1: next; -1: previous */
  toHumanFrame(step2) {
    const state = shown(this.store.state);
    const frames3 = humanFrames(state);
    const found = step2 > 0 ? frames3.find((each) => each > state.frame) : frames3.findLast((each) => each < state.frame);
    if (found === void 0) this.changes.notices.say("There is no such frame.");
    else this.store.act("frame", found);
  }
  /** Goes to the frame after the open one in the order of gain; from any other frame, to the first. */
  toUncertainFrame() {
    const state = shown(this.store.state);
    const here = state.nextUncertain.findLastIndex((each) => each.frame === state.frame);
    const order = [...state.nextUncertain.slice(here + 1), ...state.nextUncertain.slice(0, here + 1)];
    const next = order.find((each) => each.frame !== state.frame);
    if (!next) {
      this.changes.notices.say("No frame is left to look at.");
      return;
    }
    this.store.act("set", { playing: false });
    this.store.act("frame", next.frame);
    if (next.object) this.store.act("select", next.object);
  }
};

// backend/interfaces/http/player/static/actions/sign_in.js
var SignIn = class {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {import("./notices.js").Notices} notices
   * @param {() => void} onTaken  called when a token was taken
   */
  constructor(transport2, store2, notices2, onTaken) {
    this.transport = transport2;
    this.notices = notices2;
    this.onTaken = onTaken;
    this.waiting = [];
    transport2.onSignIn = () => {
      if (store2.state.needsToken) store2.act("set", { needsToken: false });
      for (const resume of this.waiting.splice(0)) resume();
    };
  }
  /** Resolves at the next sign-in. @returns {Promise<void>} */
  next() {
    return new Promise((resume) => this.waiting.push(resume));
  }
  /** @param {string} token  of Label Studio */
  async withToken(token) {
    try {
      await this.transport.signIn(token);
      this.notices.dismiss();
      this.onTaken();
    } catch (error) {
      this.notices.fail(error, "sign-in");
    }
  }
};

// backend/interfaces/http/player/static/actions/timeline_reader.js
var SOON_MS = 400;
var SHARE2 = 4;
var TimelineReader = class {
  /**
   * @param {import("../server/transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {import("./notices.js").Notices} notices
   */
  constructor(transport2, store2, notices2) {
    this.transport = transport2;
    this.store = store2;
    this.notices = notices2;
    this.timer = 0;
    this.lastMs = 0;
  }
  /** Reads the timeline soon. */
  soon() {
    if (this.timer) return;
    this.timer = setTimeout(() => this.#read(), Math.max(SOON_MS, SHARE2 * this.lastMs));
  }
  async #read() {
    const startMs = performance.now();
    this.timer = 0;
    try {
      this.store.act("timeline", await this.transport.timeline());
      this.notices.succeed("timeline");
    } catch (error) {
      this.notices.fail(error, "timeline");
    }
    this.lastMs = performance.now() - startMs;
  }
};

// backend/interfaces/http/player/static/keys.js
var BRUSH_STEP = 1.3;
var LEAST_BRUSH = 3e-3;
var MOST_BRUSH = 0.2;
var ZOOM_STEP = 1.4;
var CROSS_HAIR_STEP = 0.01;
var DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
var BINDINGS = [
  { keys: ["Space"], text: "play or pause", run: ({ store: store2 }) => toggle(store2, "playing") },
  { keys: ["ArrowRight", "d"], text: "next frame", run: ({ store: store2 }) => step(store2, 1) },
  { keys: ["ArrowLeft", "a"], text: "previous frame", run: ({ store: store2 }) => step(store2, -1) },
  { keys: ["Shift+ArrowRight"], text: "15 frames on", run: ({ store: store2 }) => step(store2, 15) },
  { keys: ["Shift+ArrowLeft"], text: "15 frames back", run: ({ store: store2 }) => step(store2, -15) },
  { keys: ["Home"], text: "first frame", run: ({ store: store2 }) => step(store2, -store2.state.frame) },
  { keys: ["End"], text: "last frame", run: ({ store: store2 }) => step(store2, store2.state.video.frame_count) },
  { keys: ["n"], text: "next uncertain frame", run: ({ review: review2 }) => review2.toUncertainFrame() },
  { keys: ["."], text: "next human frame", run: ({ review: review2 }) => review2.toHumanFrame(1) },
  { keys: [","], text: "previous human frame", run: ({ review: review2 }) => review2.toHumanFrame(-1) },
  { keys: DIGITS, text: "select object 1 to 9", run: ({ store: store2 }, key) => selectNumber(store2, Number(key)) },
  { keys: ["o"], text: "add an object of the selected label", run: ({ store: store2, prompts: prompts2 }) => {
    if (!prompts2.changes.refuse()) addObject(store2);
  } },
  { keys: ["/"], text: "find objects by a text", run: ({ root: root2 }) => focusFinding(root2) },
  { keys: ["c"], text: "tool: click, drag for a box", run: ({ store: store2 }) => store2.act("set", { tool: "click" }) },
  { keys: ["x"], text: "tool: box", run: ({ store: store2 }) => store2.act("set", { tool: "box" }) },
  { keys: ["b"], text: "tool: brush", run: ({ store: store2 }) => store2.act("set", { tool: "brush" }) },
  { keys: ["e"], text: "tool: eraser", run: ({ store: store2 }) => store2.act("set", { tool: "eraser" }) },
  { keys: ["p"], text: "tool: polygon (Enter closes it)", run: ({ store: store2 }) => store2.act("set", { tool: "polygon" }) },
  { keys: ["i"], text: "tool: ellipse", run: ({ store: store2 }) => store2.act("set", { tool: "ellipse" }) },
  { keys: ["Alt+ArrowLeft"], text: "cross hair to the left", run: ({ pointer: pointer2 }) => pointer2.moveCrossHair(-CROSS_HAIR_STEP, 0) },
  { keys: ["Alt+ArrowRight"], text: "cross hair to the right", run: ({ pointer: pointer2 }) => pointer2.moveCrossHair(CROSS_HAIR_STEP, 0) },
  { keys: ["Alt+ArrowUp"], text: "cross hair up", run: ({ pointer: pointer2 }) => pointer2.moveCrossHair(0, -CROSS_HAIR_STEP) },
  { keys: ["Alt+ArrowDown"], text: "cross hair down", run: ({ pointer: pointer2 }) => pointer2.moveCrossHair(0, CROSS_HAIR_STEP) },
  { keys: ["Alt+Enter"], text: "click at the cross hair: on the object", run: ({ pointer: pointer2 }) => pointer2.clickCrossHair(1) },
  { keys: ["Alt+Delete", "Alt+Backspace"], text: "click at the cross hair: not on the object", run: ({ pointer: pointer2 }) => pointer2.clickCrossHair(0) },
  { keys: ["["], text: "smaller brush", run: ({ stage: stage2 }) => {
    stage2.brush = Math.max(stage2.brush / BRUSH_STEP, LEAST_BRUSH);
  } },
  { keys: ["]"], text: "larger brush", run: ({ stage: stage2 }) => {
    stage2.brush = Math.min(stage2.brush * BRUSH_STEP, MOST_BRUSH);
  } },
  { keys: ["Enter"], text: "close the polygon; else the frame is right", run: ({ pointer: pointer2, review: review2 }) => {
    if (!pointer2.closePolygon()) review2.approve();
  } },
  { keys: ["m"], text: "start a range of right frames here, or give it up", run: ({ review: review2 }) => review2.markRange() },
  { keys: ["Shift+Enter"], text: "all frames from the range's start to here are right", run: ({ review: review2 }) => review2.approveRange() },
  { keys: ["Escape"], text: "give up what is being drawn, the cross hair, or the range; your own masks again", run: (parts2) => giveUp(parts2) },
  { keys: ["Delete", "Backspace"], text: "delete the selected prompt, or the frame's prompts of the object", run: ({ prompts: prompts2 }) => prompts2.deletePrompt() },
  { keys: ["Control+z"], text: "undo", run: ({ prompts: prompts2 }) => prompts2.undo() },
  { keys: ["Control+y", "Control+Shift+Z"], text: "redo", run: ({ prompts: prompts2 }) => prompts2.redo() },
  { keys: ["f"], text: "carry on 15 frames", run: ({ propagation: propagation2 }) => propagation2.start("forward", 15) },
  { keys: ["Shift+F"], text: "carry on to the end", run: ({ propagation: propagation2 }) => propagation2.start("forward", null) },
  { keys: ["r"], text: "carry back 15 frames", run: ({ propagation: propagation2 }) => propagation2.start("backward", 15) },
  { keys: ["g"], text: "carry both ways, whole video", run: ({ propagation: propagation2 }) => propagation2.start("both", null) },
  { keys: ["u"], text: "carry on until uncertain", run: ({ propagation: propagation2 }) => propagation2.start("forward", null, UNCERTAIN_FROM) },
  { keys: ["k"], text: "carry the selected object alone, or all", run: ({ store: store2 }) => toggle(store2, "onlySelected") },
  { keys: ["s"], text: "stop carrying", run: ({ propagation: propagation2 }) => {
    void propagation2.stop();
  } },
  { keys: ["h"], text: "mask under the mouse on or off", run: ({ store: store2 }) => toggle(store2, "hover") },
  { keys: ["v"], text: "boxes of the masks on or off", run: ({ store: store2 }) => toggle(store2, "boxes") },
  { keys: ["t"], text: "frames around this one on or off", run: ({ store: store2 }) => toggle(store2, "thumbnails") },
  { keys: ["l"], text: "loop on or off", run: ({ store: store2 }) => toggle(store2, "loop") },
  { keys: ["j"], text: "look at the masks of the next person, at last your own", run: ({ looking: looking2 }) => {
    void looking2.next();
  } },
  { keys: ["y"], text: "back to your own masks", run: ({ looking: looking2 }) => looking2.back() },
  { keys: ["+", "="], text: "zoom in", run: ({ stage: stage2 }) => stage2.zoomBy(ZOOM_STEP) },
  { keys: ["-"], text: "zoom out", run: ({ stage: stage2 }) => stage2.zoomBy(1 / ZOOM_STEP) },
  { keys: ["0"], text: "whole picture", run: ({ stage: stage2 }) => stage2.resetZoom() },
  { keys: ["w"], text: "full window", run: ({ root: root2 }) => fullWindow(root2) },
  { keys: ["?"], text: "this help", run: ({ store: store2 }) => toggle(store2, "help") }
];
function keyName(event) {
  const isLetter = /^[a-z]$/i.test(event.key);
  const letter = event.shiftKey ? event.key.toUpperCase() : event.key.toLowerCase();
  const key = event.key === " " ? "Space" : isLetter ? letter : event.key;
  const control = event.ctrlKey || event.metaKey ? "Control+" : "";
  const alt = event.altKey ? "Alt+" : "";
  const shift = event.shiftKey && (isLetter || key.length > 1) ? "Shift+" : "";
  return `${control}${alt}${shift}${key}`;
}
function onKey(event, parts2) {
  const name = keyName(event);
  if (belongsTo(event.target, name) || parts2.store.state.help && name !== "?") return;
  const binding = BINDINGS.find((each) => each.keys.includes(name));
  if (!binding) return;
  event.preventDefault();
  binding.run(parts2, name);
}
function belongsTo(target, name) {
  if (target instanceof HTMLSelectElement) return true;
  if (target instanceof HTMLInputElement && ["number", "password", "text"].includes(target.type)) return true;
  const isControl = target instanceof HTMLButtonElement || target instanceof HTMLInputElement;
  return isControl && (name === "Enter" || name === "Space");
}
function toggle(store2, name) {
  store2.act("set", { [name]: !store2.state[name] });
}
function step(store2, frames3) {
  store2.act("set", { playing: false });
  store2.act("frame", store2.state.frame + frames3);
}
function selectNumber(store2, number) {
  const object = shown(store2.state).objects[number - 1];
  if (object) store2.act("select", object.id);
}
function addObject(store2) {
  const { state } = store2;
  const label = state.objects.find((each) => each.id === state.selected)?.label ?? state.labels[0]?.name;
  if (label) store2.act("addObject", label);
}
function giveUp({ pointer: pointer2, looking: looking2, store: store2 }) {
  if (pointer2.cancel() || pointer2.hideCrossHair()) return;
  if (store2.state.looked) looking2.back();
  else store2.act("set", { rangeStart: null });
}
function focusFinding(root2) {
  const field = root2.querySelector(".finding input");
  field?.focus();
  field?.select();
}
function fullWindow(root2) {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void root2.requestFullscreen();
}

// backend/interfaces/http/player/static/media/mask_pictures.js
var MOST_BYTES = 48 * 2 ** 20;
var LEAST_KEPT = 4;
var AHEAD2 = 12;
var BEHIND2 = 2;
var AT_ONCE2 = 2;
var MaskPictures = class {
  /**
   * @param {import("./shown_masks.js").MaskReader} masks
   * @param {() => ObjectState[]} listObjects  the objects as they are now, the lowest first
   * @param {(frame: number) => void} onPainted
   * @param {(error: unknown) => void} onError
   */
  constructor(masks2, listObjects, onPainted, onError) {
    this.masks = masks2;
    this.listObjects = listObjects;
    this.onPainted = onPainted;
    this.onError = onError;
    this.center = 0;
    this.step = 1;
    this.painted = /* @__PURE__ */ new Map();
    this.orders = /* @__PURE__ */ new Map();
    this.ordered = 0;
    this.bytes = 0;
    this.pictureBytes = 1;
    this.worker = new Worker(new URL("./mask_painter.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.#keep(data);
    this.worker.onerror = (event) => onError(new Error(`The masks cannot be painted: ${event.message}`));
  }
  /**
   * The frame's picture, of the masks' size. An older one is given until the newest is painted.
   * @param {number} frame
   * @returns {ImageBitmap | null} null: nothing is to be seen, or nothing is painted yet
   */
  picture(frame) {
    return this.#key(frame) ? this.painted.get(frame)?.bitmap ?? null : null;
  }
  /** @param {number} frame @returns {boolean} whether the picture shows the masks as they are now */
  isCurrent(frame) {
    const key = this.#key(frame);
    return !this.masks.isLoading(frame) && (key === "" || this.painted.get(frame)?.key === key);
  }
  /** Moves the window. @param {number} frame @param {number} step  1 or -1, the direction of play */
  moveTo(frame, step2 = 1) {
    this.center = frame;
    this.step = step2;
    this.fill();
  }
  /** Forgets all pictures: those of one person's masks are not shown as another's. */
  clear() {
    this.orders.clear();
    for (const frame of this.painted.keys()) this.#drop(frame);
  }
  /** Orders what the window lacks, the most urgent first. */
  fill() {
    for (const frame of this.#window()) {
      if (this.orders.size >= AT_ONCE2) return;
      const key = this.#key(frame);
      if (!key || this.painted.get(frame)?.key === key) continue;
      if ([...this.orders.values()].some((order) => order.frame === frame && order.key === key)) continue;
      this.ordered += 1;
      this.orders.set(this.ordered, { frame, key });
      this.worker.postMessage({ id: this.ordered, masks: this.#shown(frame) });
    }
  }
  /** @param {number} frame @returns {import("./mask_paint.js").ColoredMask[]} */
  #shown(frame) {
    return this.listObjects().flatMap(({ id, color, visible }) => {
      const rle = visible ? this.masks.mask(frame, id)?.rle : null;
      return rle ? [{ rle, color }] : [];
    });
  }
  /** What the frame's picture depends on; "": nothing is to be seen. @param {number} frame */
  #key(frame) {
    const objects = this.listObjects().filter(({ id, visible }) => visible && this.masks.mask(frame, id)?.rle);
    return objects.length ? `${this.masks.version(frame)} ${objects.map((each) => each.id + each.color).join()}` : "";
  }
  #window() {
    const frames3 = [this.center];
    for (let distance = 1; distance <= AHEAD2; distance += 1) {
      frames3.push(this.center + this.step * distance);
      if (distance <= BEHIND2) frames3.push(this.center - this.step * distance);
    }
    return frames3.slice(0, this.#most());
  }
  /** How many pictures of the newest one's size are kept. */
  #most() {
    return Math.max(Math.floor(MOST_BYTES / this.pictureBytes), LEAST_KEPT);
  }
  /** @param {{id: number, bitmap?: ImageBitmap, problem?: string}} answer */
  #keep({ id, bitmap: painted, problem }) {
    const order = this.orders.get(id);
    const bitmap = painted ?? null;
    this.orders.delete(id);
    if (problem) this.onError(new Error(problem));
    if (order) {
      this.#drop(order.frame);
      this.painted.set(order.frame, { key: order.key, bitmap });
      if (bitmap) this.bytes += this.pictureBytes = bytesOf(bitmap);
      while (this.painted.size > this.#most()) {
        this.#drop(farthest(this.painted.keys(), (frame) => Math.abs(frame - this.center)));
      }
      this.onPainted(order.frame);
    } else bitmap?.close();
    this.fill();
  }
  /** @param {number} frame */
  #drop(frame) {
    const bitmap = this.painted.get(frame)?.bitmap;
    if (bitmap) {
      this.bytes -= bytesOf(bitmap);
      bitmap.close();
    }
    this.painted.delete(frame);
  }
};

// backend/interfaces/http/player/static/media/playback.js
var Playback = class {
  /**
   * @param {import("../state/state.js").Store} store
   * @param {(frame: number) => boolean} isReady  whether a frame can be shown with its masks
   */
  constructor(store2, isReady) {
    this.store = store2;
    this.isReady = isReady;
    this.startedMs = 0;
    this.startedAtS = 0;
    this.handle = 0;
    this.shown = 0;
    this.dropped = 0;
    store2.listen((state, before) => {
      const starts = state.playing && !before.playing;
      if (starts && state.frame >= state.video.frame_count - 1) store2.act("frame", 0);
      if (starts || state.playing && state.speed !== before.speed) this.#start();
    });
  }
  /** The time of a frame in seconds; of the frame after the last one, the video's end. @param {number} frame */
  timeOf(frame) {
    const { times_s: times, frame_rate: rate, frame_count: count } = this.store.state.video;
    if (!times) return frame / rate;
    return frame < count ? times[frame] - times[0] : times[count - 1] - times[0] + 1 / rate;
  }
  #start() {
    this.#restartClock(performance.now());
    cancelAnimationFrame(this.handle);
    this.handle = requestAnimationFrame((now) => this.#tick(now));
  }
  /** Makes the open frame the one of now. @param {number} now  milliseconds */
  #restartClock(now) {
    this.startedMs = now;
    this.startedAtS = this.timeOf(this.store.state.frame);
  }
  /** @param {number} now  milliseconds */
  #tick(now) {
    const { state } = this.store;
    if (!state.playing) return;
    const { frame } = state;
    const count = state.video.frame_count;
    const dueS = this.startedAtS + (now - this.startedMs) / 1e3 * state.speed;
    let due = frame;
    while (due < count && this.timeOf(due + 1) <= dueS) due += 1;
    if (due >= count && frame === count - 1) this.#end(now);
    else if (due > frame) this.#show(this.#ready(frame, Math.min(due, count - 1)), now);
    this.handle = requestAnimationFrame((later) => this.#tick(later));
  }
  /** The last frame after `frame`, up to `due`, that can be shown; `frame` if there is none. @param {number} frame @param {number} due */
  #ready(frame, due) {
    let found = due;
    while (found > frame && !this.isReady(found)) found -= 1;
    return found;
  }
  /** @param {number} next @param {number} now */
  #show(next, now) {
    const { frame } = this.store.state;
    if (next === frame) {
      this.#restartClock(now);
      return;
    }
    this.shown += 1;
    this.dropped += next - frame - 1;
    this.store.act("frame", next);
  }
  /** @param {number} now */
  #end(now) {
    if (!this.store.state.loop) {
      this.store.act("set", { playing: false });
      return;
    }
    this.store.act("frame", 0);
    this.#restartClock(now);
  }
};

// backend/interfaces/http/player/static/media/shown_masks.js
var ShownMasks = class {
  /** @param {MaskCache} own */
  constructor(own) {
    this.own = own;
    this.cache = own;
    this.turn = 0;
  }
  /** Shows these masks from now on. @param {MaskCache} cache */
  show(cache) {
    this.cache = cache;
    this.turn += 1;
  }
  /** @param {number} frame @returns {import("../types.js").MaskEntry[]} */
  at(frame) {
    return this.cache.at(frame);
  }
  /** @param {number} frame @param {string} object @returns {import("../types.js").MaskEntry | undefined} */
  mask(frame, object) {
    return this.cache.mask(frame, object);
  }
  /** What no other masks of the frame have had, of whomever they are. @param {number} frame @returns {string | number} */
  version(frame) {
    return `${this.turn} ${this.cache.version(frame)}`;
  }
  /** @param {number} frame @returns {boolean} whether the server's first answer about the frame is on its way */
  isLoading(frame) {
    return this.cache.isLoading(frame);
  }
  /** @param {number} frame @param {number} step  1 or -1, the direction of play */
  moveTo(frame, step2) {
    this.cache.moveTo(frame, step2);
  }
  /** Asks the server for the masks of these frames. @param {number[]} frames */
  want(frames3) {
    this.cache.want(frames3);
  }
};

// backend/interfaces/http/player/static/server/address.js
var WAY_OUT = "Open the player with ?project=NUMBER&task=NUMBER.";
function addressedTask(search) {
  const raw = search.replace(/^\?/, "");
  const cut = raw.search(/(^|&)value=/);
  const named = new URLSearchParams(cut < 0 ? raw : raw.slice(0, cut));
  const project = Number(named.get("project"));
  if (!Number.isInteger(project) || project < 1) throw new ApiError(400, "The address names no project.", WAY_OUT);
  if (cut >= 0) {
    const value = raw.slice(cut).replace(/^&?value=/, "");
    return { project, field: named.get("field") || "video", value: value.replaceAll("%20", " ") };
  }
  const task = Number(named.get("task"));
  if (!Number.isInteger(task) || task < 1) throw new ApiError(400, "The address names no task.", WAY_OUT);
  return { project, task };
}

// backend/interfaces/http/player/static/server/connection.js
var FIRST_MS = 300;
var AGAIN_MS2 = 1500;
var Connection = class {
  /**
   * @param {import("./transport.js").Transport} transport
   * @param {import("../state/state.js").Store} store
   * @param {() => void} onBack  called when a lost connection is back
   */
  constructor(transport2, store2, onBack) {
    this.transport = transport2;
    this.store = store2;
    this.onBack = onBack;
    this.waiting = [];
    transport2.onReach = (answered) => answered ? this.#found() : this.#lost();
  }
  /** Resolves when the server answers again. @returns {Promise<void>} */
  back() {
    return new Promise((resume) => {
      if (this.store.state.connected) setTimeout(resume, FIRST_MS);
      else this.waiting.push(resume);
    });
  }
  #lost() {
    if (!this.store.state.connected) return;
    this.store.act("set", { connected: false });
    setTimeout(() => this.#ask(), FIRST_MS);
  }
  async #ask() {
    if (this.store.state.connected) return;
    await this.transport.ping().catch(() => {
    });
    if (!this.store.state.connected) setTimeout(() => this.#ask(), AGAIN_MS2);
  }
  #found() {
    if (this.store.state.connected) return;
    this.store.act("set", { connected: true });
    for (const resume of this.waiting.splice(0)) resume();
    this.onBack();
  }
};

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
    const person = await this.call("POST", `${this.root}/session`, token ? { token } : {});
    this.token = token;
    this.onSignIn();
    return person;
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

// backend/interfaces/http/player/static/server/stream.js
var RETRY_MS3 = 1500;
var Stream = class {
  /**
   * @param {(cursor: string) => string} addressOf
   * @param {string} cursor
   * @param {StreamListener} on
   * @param {() => Promise<unknown>} signIn
   */
  constructor(addressOf, cursor, on, signIn2) {
    this.addressOf = addressOf;
    this.cursor = cursor;
    this.on = on;
    this.signIn = signIn2;
    this.timer = 0;
    this.isClosed = false;
    this.source = this.#open();
  }
  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.source.close();
  }
  #open() {
    const source = new EventSource(this.addressOf(this.cursor));
    source.addEventListener("job", (event) => this.on.job(
      /** @type {Job} */
      JSON.parse(event.data)
    ));
    source.addEventListener("masks", (event) => {
      const { masks: masks2, cursor } = (
        /** @type {{masks: MaskEntry[], cursor: string}} */
        JSON.parse(event.data)
      );
      this.cursor = cursor;
      this.on.masks(masks2, cursor);
    });
    source.addEventListener("problem", (event) => this.on.problem(
      /** @type {Problem} */
      JSON.parse(event.data)
    ));
    source.addEventListener("end", () => {
      this.close();
      this.on.end();
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED && !this.isClosed) this.#openLater();
    });
    return source;
  }
  #openLater() {
    this.timer = setTimeout(async () => {
      await this.signIn().catch(() => {
      });
      if (!this.isClosed) this.source = this.#open();
    }, RETRY_MS3);
  }
};

// backend/interfaces/http/player/static/server/transport.js
var OPENING_POLL_MS = 500;
var Transport = class extends Calls {
  /** @param {string} root  of the API, without a slash at its end */
  constructor(root2 = "/api/player") {
    super(root2);
    this.base = "";
  }
  /**
   * Finds the task and keeps its address for all later calls.
   * @param {import("../types.js").AddressedTask} addressed
   */
  async find(addressed) {
    let task = "task" in addressed ? addressed.task : 0;
    if ("value" in addressed) {
      const query = new URLSearchParams({
        project: String(addressed.project),
        field: addressed.field,
        value: addressed.value
      });
      const found = await this.call("GET", `${this.root}/tasks?${query}`);
      task = found.task;
    }
    this.base = `${this.root}/tasks/${addressed.project}/${task}`;
  }
  /**
   * The task. Waits while a worker opens the media.
   * @param {(detail: string) => void} onWait
   * @returns {Promise<TaskDocument>}
   */
  async task(onWait = () => {
  }) {
    for (; ; ) {
      const document2 = await this.call("GET", this.base);
      if (!("status" in document2)) return document2;
      onWait(document2.detail);
      await new Promise((resume) => setTimeout(resume, OPENING_POLL_MS));
    }
  }
  /**
   * @param {number} frame
   * @param {AbortSignal} [signal]
   * @returns {Promise<Blob>} a JPEG file
   */
  picture(frame, signal) {
    return this.blob(`${this.base}/frames/${frame}`, signal);
  }
  /**
   * @param {number} start
   * @param {number} stop  exclusive
   * @param {string | null} [user]  another person; null: the signed-in one
   * @returns {Promise<{masks: MaskEntry[], revision: number}>}
   */
  masks(start, stop, user = null) {
    const whose = user === null ? "" : `&user=${encodeURIComponent(user)}`;
    return this.call("GET", `${this.base}/masks?start=${start}&stop=${stop}${whose}`);
  }
  /** @param {string | null} [user]  another person; null: the signed-in one @returns {Promise<import("../types.js").TimelineAnswer>} */
  timeline(user = null) {
    return this.call("GET", `${this.base}/timeline${user === null ? "" : `?user=${encodeURIComponent(user)}`}`);
  }
  /** Who has prompts on the task; refused where people do not see each other's. @returns {Promise<{users: import("../types.js").UserEntry[]}>} */
  users() {
    return this.call("GET", `${this.base}/users`);
  }
  /**
   * Replaces the prompt of an object on a frame; null removes it.
   * @param {number} frame
   * @param {string} object
   * @param {import("../types.js").PromptBody | null} prompt
   * @returns {Promise<PromptAnswer>}
   */
  setPrompt(frame, object, prompt) {
    const address = `${this.base}/prompts/${frame}/${encodeURIComponent(object)}`;
    return prompt === null ? this.call("DELETE", address) : this.call("PUT", address, prompt);
  }
  /** @param {string | null} object  null: all @returns {Promise<PromptAnswer>} */
  forget(object) {
    const end = object === null ? "" : `/${encodeURIComponent(object)}`;
    return this.call("DELETE", `${this.base}/objects${end}`);
  }
  /** @param {string} object @param {string} label @returns {Promise<PromptAnswer>} */
  rename(object, label) {
    return this.call("PATCH", `${this.base}/objects/${encodeURIComponent(object)}`, { label });
  }
  /** @param {import("../types.js").HoverBody} wanted @returns {Promise<{masks: MaskEntry[]}>} */
  hover(wanted) {
    return this.call("POST", `${this.base}/hover`, wanted);
  }
  /**
   * Finds what a text describes on a frame.
   * @param {number} frame
   * @param {string} text
   * @returns {Promise<{detections: {box: import("../types.js").Box, score: number}[], known: number}>}
   */
  detect(frame, text) {
    return this.call("POST", `${this.base}/detections`, { frame, text });
  }
  /** @param {number[]} frames */
  prewarm(frames3) {
    return this.call("POST", `${this.base}/prewarm`, { frames: frames3 });
  }
  /** Says that the person works. It outlives the page, and says nothing of the connection. @param {string | null} object */
  async beat(object) {
    const body = JSON.stringify({ object });
    await fetch(`${this.base}/activity`, { method: "POST", headers: CHANGE, body, credentials: "same-origin", keepalive: true });
  }
  /** @param {import("../types.js").PropagationBody} wanted @returns {Promise<Job>} */
  propagate(wanted) {
    return this.call("POST", `${this.base}/propagations`, wanted);
  }
  /** @param {string} id @returns {Promise<Job>} */
  stop(id) {
    return this.call("POST", `${this.base}/propagations/${encodeURIComponent(id)}/stop`, {});
  }
  /** @param {import("../types.js").ApprovalBody} range @returns {Promise<PromptAnswer>} */
  approve(range) {
    return this.call("PUT", `${this.base}/approvals`, range);
  }
  /**
   * Sets a verdict; null takes it back.
   * @param {string | null} object  null: the whole task
   * @param {{verdict: import("../types.js").VerdictName, comment: string} | null} verdict
   * @returns {Promise<{verdicts: import("../types.js").Verdict[]}>}
   */
  setVerdict(object, verdict) {
    const address = `${this.base}/verdicts${object === null ? "" : `/${encodeURIComponent(object)}`}`;
    return verdict === null ? this.call("DELETE", address) : this.call("PUT", address, verdict);
  }
  /**
   * Follows the newest propagation.
   * @param {string} cursor  "": from its first mask
   * @param {import("./stream.js").StreamListener} on
   * @returns {() => void} ends it
   */
  follow(cursor, on) {
    const stream = new Stream((from) => `${this.base}/events?cursor=${encodeURIComponent(from)}`, cursor, on, () => this.ping());
    return () => stream.close();
  }
  /** Asks whether the server answers and knows the person; signs in where it does not. @returns {Promise<unknown>} */
  ping() {
    return this.signIn();
  }
};

// backend/interfaces/http/player/static/view/announcer.js
var REST_MS = 250;
function description(state, masks2) {
  const objects = state.objects.filter((each) => each.visible).map(({ id }) => {
    const mask = masks2.find((each) => each.object === id);
    return `${id} ${mask ? presence(mask) : "has no mask"}`;
  });
  const whose = state.looked ? `Masks of ${nameOf(state.looked.user)}. ` : "";
  const frame = `${whose}Frame ${state.frame + 1} of ${state.video.frame_count}`;
  return objects.length ? `${frame}: ${objects.join(", ")}.` : `${frame}.`;
}
function presence({ rle, origin, uncertainty }) {
  if (origin === "human") return rle ? "by a person" : "absent, by a person";
  const unsure = uncertainty > 0 ? `, uncertainty ${Math.round(100 * uncertainty)} %` : "";
  return `${rle ? "present" : "absent"}${unsure}`;
}
var Announcer = class {
  /**
   * @param {HTMLElement} line  a live region
   * @param {import("../state/state.js").Store} store
   * @param {import("../media/shown_masks.js").ShownMasks} masks
   */
  constructor(line, store2, masks2) {
    this.line = line;
    this.store = store2;
    this.masks = masks2;
    this.timer = 0;
  }
  /** Says it once the play head rests. */
  soon() {
    clearTimeout(this.timer);
    const { ready, playing } = this.store.state;
    if (!ready || playing) return;
    this.timer = setTimeout(() => {
      const state = shown(this.store.state);
      const text = description(state, this.masks.at(state.frame));
      if (this.line.textContent !== text) this.line.textContent = text;
    }, REST_MS);
  }
};

// backend/interfaces/http/player/static/view/layout.js
function layOut(root2) {
  root2.textContent = "";
  const place = (name) => {
    const made = document.createElement("div");
    made.className = `slot-${name}`;
    root2.append(made);
    return made;
  };
  const toolbar = place("toolbar");
  const notice = place("notice");
  const status = place("status");
  status.id = "status";
  status.setAttribute("role", "status");
  const canvas = document.createElement("canvas");
  canvas.tabIndex = 0;
  canvas.className = "stage";
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", "Video frame with masks");
  canvas.setAttribute("aria-describedby", status.id);
  place("picture").append(canvas);
  const objects = place("objects");
  const thumbnails2 = place("thumbnails");
  thumbnails2.setAttribute("role", "group");
  thumbnails2.setAttribute("aria-label", "Frames around this one");
  const propagation2 = place("propagation");
  const lanes = document.createElement("canvas");
  lanes.className = "timeline";
  lanes.tabIndex = 0;
  lanes.setAttribute("role", "slider");
  lanes.setAttribute("aria-label", "Frame, on the timeline with a lane per object");
  place("timeline").append(lanes);
  return { toolbar, notice, status, objects, thumbnails: thumbnails2, propagation: propagation2, help: place("help"), canvas, lanes };
}

// backend/interfaces/http/player/static/view/sentences.js
function ended(sentence) {
  return !sentence || /[.!?…]$/.test(sentence) ? sentence : `${sentence}.`;
}

// backend/interfaces/http/player/static/view/sign_in.js
function SignInForm({ onToken }) {
  const [token, setToken] = G("");
  const signIn2 = (event) => {
    event.preventDefault();
    onToken(token.trim());
  };
  return fe`
    <form class="sign-in" onSubmit=${signIn2}>
      <p>Tokens are in Label Studio under Account & Settings. After a login in this browser, reload the page.</p>
      <label>Token <input type="password" autocomplete="off" value=${token} required
        onInput=${({ target }) => setToken(
    /** @type {HTMLInputElement} */
    target.value
  )} /></label>
      <button class="strong">Sign in</button>
    </form>`;
}

// backend/interfaces/http/player/static/view/messages.js
function Notice({ state, parts: parts2 }) {
  const { notice, connected, busy, needsToken } = state;
  const waiting = busy ? ` ${busy === 1 ? "One change waits." : `${busy} changes wait.`}` : "";
  return fe`
    <div class="messages" role="status">
      ${!connected && fe`
        <p class="notice error" role="alert">Masklet does not answer. The page asks again by itself.${waiting}</p>`}
      ${notice && fe`
        <p class=${`notice ${notice.kind}`} role=${notice.kind === "error" ? "alert" : void 0}>
          <span>${ended(notice.text)} ${notice.wayOut}</span>
          <button aria-label="Close the message" onClick=${() => parts2.notices.dismiss()}>×</button>
        </p>`}
      ${needsToken && fe`<${SignInForm} onToken=${(token) => void parts2.signIn.withToken(token)} />`}
    </div>`;
}
function Help({ state, parts: parts2 }) {
  const dialog = Q(
    /** @type {HTMLDialogElement | null} */
    null
  );
  J(() => {
    if (state.help) dialog.current?.showModal();
  }, [state.help]);
  if (!state.help) return null;
  const close = () => {
    parts2.store.act("set", { help: false });
    parts2.stage.canvas.focus();
  };
  return fe`
    <dialog class="help" ref=${dialog} aria-label="Keys" onClose=${close}
      onClick=${(event) => event.target === dialog.current && close()}>
      <div>
        <h2>Keys</h2>
        <p>Left click: on the object. Right click or Alt+click: not on it. Drag: a box. Wheel: zoom. Shift+drag: move the picture.</p>
        <dl>${BINDINGS.map(({ keys, text }) => fe`
          <div><dt>${keys.map((key) => fe`<kbd>${key}</kbd> `)}</dt><dd>${text}</dd></div>`)}</dl>
        <button onClick=${close}>Close</button>
      </div>
    </dialog>`;
}

// backend/interfaces/http/player/static/view/finding.js
var MOST_CHARS = 100;
function FindingForm({ state, parts: parts2 }) {
  const [text, setText] = G("");
  const find = (event) => {
    event.preventDefault();
    void parts2.finding.find(text);
  };
  const leave = (event) => {
    if (event.key === "Escape") parts2.stage.canvas.focus();
  };
  return fe`
    <form class="finding" role="search" onSubmit=${find}>
      <input type="text" value=${text} maxlength=${MOST_CHARS} placeholder="red car" aria-label="Find objects by a text"
        title="What to find on this frame, in a few words (/)" onKeyDown=${leave}
        onInput=${({ target }) => setText(
    /** @type {HTMLInputElement} */
    target.value
  )} />
      <button disabled=${state.finding || !text.trim()}>${state.finding ? "Finding\u2026" : "Find"}</button>
    </form>`;
}

// backend/interfaces/http/player/static/view/looking.js
function Whose({ state, parts: parts2 }) {
  const { people, looked } = state;
  if (!people.length && !looked) return null;
  const listed = looked && !people.includes(looked.user) ? [...people, looked.user] : people;
  const choose = (event) => {
    const select = (
      /** @type {HTMLSelectElement} */
      event.target
    );
    if (select.selectedIndex) parts2.looking.look(listed[select.selectedIndex - 1]);
    else parts2.looking.back();
    parts2.stage.canvas.focus({ preventScroll: true });
    const now = parts2.store.state.looked;
    select.selectedIndex = now ? listed.indexOf(now.user) + 1 : 0;
  };
  return fe`
    <label class="whose" title="Whose masks are shown (J: the next person's, Y: yours)">Masks
      <select aria-label="Whose masks" onChange=${choose}>
        <option selected=${!looked}>mine</option>
        ${listed.map((user) => fe`<option selected=${looked?.user === user}>${nameOf(user)}</option>`)}
      </select>
    </label>`;
}
function LookedObjects({ state, parts: parts2 }) {
  return fe`
    <aside class="objects" aria-label=${`Objects of ${nameOf(state.looked?.user ?? "")}`}>
      <${Whose} state=${state} parts=${parts2} />
      <ul>
        ${state.objects.map((object, index) => fe`
          <${LookedObject} key=${object.id} object=${object} index=${index} state=${state} parts=${parts2} />`)}
      </ul>
    </aside>`;
}
function LookedObject({ object, index, state, parts: parts2 }) {
  const { id, color, visible } = object;
  const { store: store2 } = parts2;
  const isSelected = id === state.selected;
  const recolor = ({ target }) => store2.act("changeObject", { id, color: (
    /** @type {HTMLInputElement} */
    target.value
  ) });
  return fe`
    <li class=${isSelected ? "looked selected" : "looked"} onClick=${() => store2.act("select", id)}>
      <input type="color" value=${color} aria-label=${`Colour of ${id}`} onInput=${recolor} />
      <button class="name" aria-pressed=${isSelected} title=${index < 9 ? `Select (${index + 1})` : "Select"}>
        ${index < 9 && fe`<kbd>${index + 1}</kbd>`} ${id}</button>
      <button aria-label=${`${visible ? "Hide" : "Show"} ${id}`} aria-pressed=${!visible}
        onClick=${() => store2.act("changeObject", { id, visible: !visible })}>${visible ? "hide" : "show"}</button>
    </li>`;
}
function LookingNote({ state, parts: parts2, children }) {
  const back = () => {
    parts2.looking.back();
    parts2.stage.canvas.focus({ preventScroll: true });
  };
  return fe`
    <div class="looking">
      <strong>Masks of ${nameOf(state.looked?.user ?? "")}, to look at only.</strong>
      <button class="strong" title="Your own masks (Y)" onClick=${back}>Back to mine</button>
      ${children}
    </div>`;
}

// backend/interfaces/http/player/static/view/verdict.js
var NAMES = ["satisfactory", "redo", "reject", "skipped"];
function VerdictFields({ state, parts: parts2, object }) {
  if (!state.verdicts) return null;
  const given = verdictOf(state, object);
  const what = object ?? "the whole task";
  const choose = ({ target }) => {
    const { value } = (
      /** @type {HTMLSelectElement} */
      target
    );
    const name = NAMES.find((each) => each === value) ?? null;
    parts2.review.judge(object, name, given?.comment ?? "");
  };
  const comment = ({ target }) => {
    if (given) parts2.review.judge(
      object,
      given.verdict,
      /** @type {HTMLInputElement} */
      target.value
    );
  };
  return fe`
    <span class="verdict">
      <select aria-label=${`Verdict on ${what}`} value=${given?.verdict ?? ""} onChange=${choose}>
        <option value="">no verdict</option>
        ${NAMES.map((name) => fe`<option value=${name}>${name}</option>`)}
      </select>
      ${given && fe`<input type="text" placeholder="comment" aria-label=${`Comment on ${what}`} value=${given.comment}
        onChange=${comment} />`}
      ${given?.is_outdated && fe`<span class="outdated">The masks have changed since.</span>`}
    </span>`;
}

// backend/interfaces/http/player/static/view/object_list.js
function ObjectList({ state, parts: parts2 }) {
  const { store: store2, prompts: prompts2 } = parts2;
  if (state.looked) return fe`<${LookedObjects} state=${state} parts=${parts2} />`;
  return fe`
    <aside class="objects" aria-label="Objects">
      <${Whose} state=${state} parts=${parts2} />
      ${state.note && fe`
        <p class="objection" role="note">
          <span>${state.note}</span>
          <button aria-label="Close the note" onClick=${() => store2.act("closeNote", void 0)}>×</button>
        </p>`}
      ${state.objections.map(({ verdict, comment }) => fe`
        <p class="objection" role="note">${verdict === "redo" ? "Sent back to you" : "Rejected"}${comment ? `: ${comment}` : ""}</p>`)}
      <ul>
        ${state.objects.map((object, index) => fe`
          <${ObjectItem} key=${object.id} object=${object} index=${index} state=${state} parts=${parts2} />`)}
      </ul>
      <div class="add">
        ${state.labels.map(({ name }) => fe`
          <button title=${`Add an object of ${name}`} onClick=${() => store2.act("addObject", name)}>+ ${name}</button>`)}
        ${state.prompts.length > 0 && fe`
          <button title="Forget the prompts and masks of all objects" onClick=${() => prompts2.forget(null)}>Forget all</button>`}
      </div>
      <${FindingForm} state=${state} parts=${parts2} />
      ${state.verdicts && fe`<div class="task">Whole task: <${VerdictFields} state=${state} parts=${parts2} object=${null} /></div>`}
      ${state.model.notice && fe`<p class="model">${state.model.notice}</p>`}
    </aside>`;
}
function ObjectItem({ object, index, state, parts: parts2 }) {
  const { store: store2, prompts: prompts2 } = parts2;
  const { id, label, color, visible, locked } = object;
  const change = (values) => store2.act("changeObject", { id, ...values });
  const isSelected = id === state.selected;
  return fe`
    <li class=${isSelected ? "selected" : ""} onClick=${() => store2.act("select", id)}>
      <input type="color" value=${color} aria-label=${`Colour of ${id}`}
        onInput=${(event) => change({ color: valueOf(event) })} />
      <button class="name" aria-pressed=${isSelected} title=${index < 9 ? `Select (${index + 1})` : "Select"}>
        ${index < 9 && fe`<kbd>${index + 1}</kbd>`} ${id}</button>
      <select aria-label=${`Label of ${id}`} value=${label}
        onChange=${(event) => prompts2.rename(id, valueOf(event))}>
        ${state.labels.map(({ name }) => fe`<option value=${name}>${name}</option>`)}
      </select>
      <button aria-label=${`${visible ? "Hide" : "Show"} ${id}`} aria-pressed=${!visible}
        onClick=${() => change({ visible: !visible })}>${visible ? "hide" : "show"}</button>
      <button aria-label=${`${locked ? "Unlock" : "Lock"} ${id}`} aria-pressed=${locked}
        title=${locked ? "Prompts and propagations change it again" : "No prompt and no propagation changes it"}
        onClick=${() => change({ locked: !locked })}>${locked ? "unlock" : "lock"}</button>
      <button aria-label=${`Forget ${id}`} title="Forget its prompts and masks"
        onClick=${(event) => {
    event.stopPropagation();
    prompts2.forget(id);
  }}>×</button>
      ${isSelected && fe`<${VerdictFields} state=${state} parts=${parts2} object=${id} />`}
    </li>`;
}
function valueOf({ target }) {
  return (
    /** @type {HTMLInputElement | HTMLSelectElement} */
    target.value
  );
}

// backend/interfaces/http/player/static/view/marks.js
var MARK_PX = 7;
var SIGN_PX = 3;
var LINE_PX = 2;
var CHOSEN_PX = 4;
function strokeBox(context, place, [x0, y0, x1, y1], color, { dash = [], width = LINE_PX } = {}) {
  context.setLineDash(dash);
  context.lineWidth = width;
  context.strokeStyle = color;
  context.strokeRect(
    place.left + x0 * place.width,
    place.top + y0 * place.height,
    (x1 - x0) * place.width,
    (y1 - y0) * place.height
  );
  context.setLineDash([]);
}
function drawPrompt(context, place, prompt, color, selected) {
  const isHere = selected !== null && selected.object === prompt.object && selected.frame === prompt.frame;
  const widthOf = (point) => isHere && selected.point === point ? CHOSEN_PX : LINE_PX;
  if (prompt.box) strokeBox(context, place, prompt.box, color, { width: widthOf(-1) });
  prompt.points.forEach(([x2, y2, positive], index) => {
    drawPoint(context, place.left + x2 * place.width, place.top + y2 * place.height, positive === 1, color, widthOf(index));
  });
}
function drawPoint(context, x2, y2, positive, color, width) {
  context.beginPath();
  context.arc(x2, y2, MARK_PX, 0, 2 * Math.PI);
  context.fillStyle = positive ? color : "#ffffff";
  context.fill();
  context.lineWidth = width;
  context.strokeStyle = positive ? "#ffffff" : color;
  context.stroke();
  context.beginPath();
  context.moveTo(x2 - SIGN_PX, y2);
  context.lineTo(x2 + SIGN_PX, y2);
  if (positive) {
    context.moveTo(x2, y2 - SIGN_PX);
    context.lineTo(x2, y2 + SIGN_PX);
  }
  context.lineWidth = LINE_PX;
  context.stroke();
}
function drawDrag(context, place, drag, corners, color, brush) {
  if (drag?.kind === "box") strokeBox(context, place, ordered(drag.from, drag.to), color, { dash: [4, 3] });
  if (drag?.kind === "ellipse") {
    const [x0, y0, x1, y1] = ordered(drag.from, drag.to);
    const [w2, h2] = [(x1 - x0) / 2 * place.width, (y1 - y0) / 2 * place.height];
    context.beginPath();
    context.ellipse(place.left + x0 * place.width + w2, place.top + y0 * place.height + h2, w2, h2, 0, 0, 2 * Math.PI);
    context.strokeStyle = color;
    context.lineWidth = LINE_PX;
    context.stroke();
  }
  if (drag?.kind === "mark" && drag.to) {
    drawPoint(context, place.left + drag.to[0] * place.width, place.top + drag.to[1] * place.height, true, color, CHOSEN_PX);
  }
  if (drag?.kind === "brush") drawPath(context, place, drag.path, color, 2 * brush * place.width, 0.5);
  else if (corners.length) drawPath(context, place, corners, color, LINE_PX, 1);
}
function drawPath(context, place, path, color, width, alpha) {
  context.beginPath();
  path.forEach(([x2, y2]) => context.lineTo(place.left + x2 * place.width, place.top + y2 * place.height));
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = width;
  context.strokeStyle = color;
  context.globalAlpha = alpha;
  context.stroke();
  context.globalAlpha = 1;
}
function drawCrossHair(context, place, at) {
  const [x2, y2] = [place.left + at[0] * place.width, place.top + at[1] * place.height];
  for (
    const [color, width] of
    /** @type {[string, number][]} */
    [["#000000", 3], ["#ffffff", 1]]
  ) {
    context.beginPath();
    context.moveTo(place.left, y2);
    context.lineTo(place.left + place.width, y2);
    context.moveTo(x2, place.top);
    context.lineTo(x2, place.top + place.height);
    context.lineWidth = width;
    context.strokeStyle = color;
    context.stroke();
  }
}
function ordered(from, to) {
  const inside = (value) => Math.min(Math.max(value, 0), 1);
  return [
    inside(Math.min(from[0], to[0])),
    inside(Math.min(from[1], to[1])),
    inside(Math.max(from[0], to[0])),
    inside(Math.max(from[1], to[1]))
  ];
}

// backend/interfaces/http/player/static/media/rle.js
function runLengths(counts) {
  const runs = [];
  let position = 0;
  while (position < counts.length) {
    let value = 0;
    let shift = 0;
    let more = true;
    while (more) {
      if (position >= counts.length) throw new RangeError("the run lengths end in the middle of a number");
      const bits = counts.charCodeAt(position) - 48;
      position += 1;
      value += (bits & 31) * 2 ** shift;
      more = (bits & 32) !== 0;
      shift += 5;
      if (!more && bits & 16) value -= 2 ** shift;
    }
    if (runs.length > 2) value += runs[runs.length - 2];
    if (value < 0) throw new RangeError("a run length is negative");
    runs.push(value);
  }
  return runs;
}
function compressed(runs) {
  let text = "";
  runs.forEach((run, index) => {
    let value = index > 2 ? run - runs[index - 2] : run;
    let more = true;
    while (more) {
      let bits = value & 31;
      value >>= 5;
      more = bits & 16 ? value !== -1 : value !== 0;
      if (more) bits |= 32;
      text += String.fromCharCode(bits + 48);
    }
  });
  return text;
}
function decode(rle) {
  const [height, width] = rle.size;
  const mask = new Uint8Array(height * width);
  forEachRun(rle, (column, top, length) => {
    let at = top * width + column;
    for (let row = 0; row < length; row += 1, at += width) mask[at] = 1;
  });
  return mask;
}
function forEachRun(rle, visit) {
  const [height, width] = rle.size;
  const runs = runLengths(rle.counts);
  let at = 0;
  runs.forEach((run, index) => {
    if (index % 2 === 0) {
      at += run;
      return;
    }
    let left = run;
    while (left > 0) {
      const column = Math.floor(at / height);
      if (column >= width) throw new RangeError("the run lengths are longer than the picture");
      const top = at - column * height;
      const length = Math.min(left, height - top);
      visit(column, top, length);
      at += length;
      left -= length;
    }
  });
}
function encode(mask, height, width) {
  const runs = [];
  let value = 0;
  let length = 0;
  for (let column = 0; column < width; column += 1) {
    for (let row = 0, at = column; row < height; row += 1, at += width) {
      const here = mask[at] ? 1 : 0;
      if (here !== value) {
        runs.push(length);
        value = here;
        length = 0;
      }
      length += 1;
    }
  }
  runs.push(length);
  return { size: [height, width], counts: compressed(runs) };
}

// backend/interfaces/http/player/static/view/shapes.js
function polygon(corners) {
  return (context, width, height) => {
    context.beginPath();
    corners.forEach(([x2, y2]) => context.lineTo(x2 * width, y2 * height));
    context.fill();
  };
}
function ellipse([x0, y0, x1, y1]) {
  return (context, width, height) => {
    const [w2, h2] = [(x1 - x0) / 2 * width, (y1 - y0) / 2 * height];
    context.beginPath();
    context.ellipse(x0 * width + w2, y0 * height + h2, w2, h2, 0, 0, 2 * Math.PI);
    context.fill();
  };
}
function stroke(path, erases, brush) {
  return (context, width, height) => {
    context.globalCompositeOperation = erases ? "destination-out" : "source-over";
    context.beginPath();
    path.forEach(([x2, y2]) => context.lineTo(x2 * width, y2 * height));
    if (path.length === 1) context.lineTo(path[0][0] * width + 0.01, path[0][1] * height);
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = 2 * brush * width;
    context.stroke();
  };
}
function maskOf(drawShape, { width, height }, known) {
  const canvas = new OffscreenCanvas(width, height);
  const context = (
    /** @type {OffscreenCanvasRenderingContext2D} */
    canvas.getContext("2d", { willReadFrequently: true })
  );
  if (known) {
    const bytes = decode(known);
    const image = new ImageData(known.size[1], known.size[0]);
    for (let at = 0; at < bytes.length; at += 1) image.data[4 * at + 3] = bytes[at] ? 255 : 0;
    context.putImageData(image, 0, 0);
  }
  drawShape(context, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const mask = new Uint8Array(width * height);
  for (let at = 0; at < mask.length; at += 1) mask[at] = data[4 * at + 3] > 127 ? 1 : 0;
  return encode(mask, height, width);
}

// backend/interfaces/http/player/static/view/pointer.js
var DRAG_PX = 5;
var GRAB_PX = 10;
var LEAST_BOX_REL = 2e-3;
var LEAST_CORNERS = 3;
var KINDS = { brush: "brush", eraser: "brush", ellipse: "ellipse", box: "box", polygon: "corner", click: "press" };
var Pointer = class {
  /**
   * @param {import("./stage.js").Stage} stage
   * @param {{
   *   point: (point: PointPrompt) => void, box: (box: Box) => void, mask: (rle: import("../types.js").Rle) => void,
   *   move: (at: PromptMark, x: number, y: number) => void,
   *   hover: (point: PointPrompt | null) => void, refuse: () => boolean,
   * }} on
   */
  constructor(stage2, on) {
    this.stage = stage2;
    this.canvas = stage2.canvas;
    this.store = stage2.store;
    this.on = on;
    this.#listen();
  }
  /** Ends a polygon under way as a mask. @returns {boolean} whether there was one */
  closePolygon() {
    const { corners } = this.stage;
    if (corners.length < LEAST_CORNERS) return false;
    this.stage.corners = [];
    this.on.mask(maskOf(polygon(corners), this.store.state.video, null));
    return true;
  }
  /** @returns {boolean} whether something is being drawn */
  isDrawing() {
    return this.stage.corners.length > 0 || this.stage.drag !== null;
  }
  /** Gives up what is being drawn. @returns {boolean} whether there was something */
  cancel() {
    const had = this.isDrawing();
    this.stage.corners = [];
    this.stage.drag = null;
    this.stage.draw();
    return had;
  }
  /** Moves the cross hair, which starts in the middle. @param {number} x @param {number} y  shares of the frame */
  moveCrossHair(x2, y2) {
    const [left, top] = this.stage.crossHair ?? [0.5, 0.5];
    const inside = (value) => Math.min(Math.max(value, 0), 1);
    this.stage.crossHair = [inside(left + x2), inside(top + y2)];
    this.stage.draw();
  }
  /** @returns {boolean} whether there was a cross hair */
  hideCrossHair() {
    const had = this.stage.crossHair !== null;
    this.stage.crossHair = null;
    this.stage.draw();
    return had;
  }
  /** Clicks at the cross hair. @param {0 | 1} positive */
  clickCrossHair(positive) {
    const at = this.stage.crossHair;
    if (at && this.stage.showsOpenFrame()) this.on.point([at[0], at[1], positive]);
  }
  #listen() {
    const { canvas } = this;
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
    canvas.addEventListener("pointerleave", () => this.on.hover(null));
    canvas.addEventListener("dblclick", () => this.closePolygon());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.stage.zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2, event.offsetX, event.offsetY);
    }, { passive: false });
  }
  /** @param {PointerEvent} event */
  #down(event) {
    this.canvas.focus();
    this.canvas.setPointerCapture(event.pointerId);
    const at = this.stage.relative(event);
    const { state } = this.store;
    if (event.button === 1 || event.button === 0 && event.shiftKey) {
      this.stage.drag = { kind: "pan", x: event.offsetX - this.stage.panX, y: event.offsetY - this.stage.panY };
      return;
    }
    if (!this.stage.showsOpenFrame() || this.on.refuse()) return;
    const mark = event.button === 0 && !event.altKey ? this.#markAt(event) : null;
    if (mark) {
      this.store.act("selectPrompt", mark);
      this.stage.drag = { kind: "mark", mark, to: null, x: event.offsetX, y: event.offsetY };
      return;
    }
    const positive = event.button === 0 && !event.altKey;
    const kind = KINDS[state.tool];
    if (kind === "brush") this.stage.drag = { kind, erases: state.tool === "eraser" || !positive, path: [at] };
    else this.stage.drag = { kind, from: at, to: at, x: event.offsetX, y: event.offsetY, positive };
    this.stage.draw();
  }
  /** @param {PointerEvent} event */
  #move(event) {
    const at = this.stage.relative(event);
    const { drag } = this.stage;
    if (!drag) {
      this.#hover(at);
      return;
    }
    if (drag.kind === "pan") [this.stage.panX, this.stage.panY] = [event.offsetX - drag.x, event.offsetY - drag.y];
    else if (drag.kind === "brush") drag.path.push(at);
    else {
      const isFar = Math.hypot(event.offsetX - drag.x, event.offsetY - drag.y) > DRAG_PX;
      if (drag.kind !== "mark" || isFar || drag.to) drag.to = at;
      if (drag.kind === "press" && drag.positive && isFar) drag.kind = "box";
    }
    this.stage.draw();
  }
  /** @param {PointerEvent} event */
  #up(event) {
    const { drag } = this.stage;
    this.stage.drag = null;
    if (!drag) return;
    const at = this.stage.relative(event);
    const inside = at.every((value) => value >= 0 && value <= 1);
    if (drag.kind === "press" && inside) this.on.point([at[0], at[1], drag.positive ? 1 : 0]);
    if (drag.kind === "corner" && inside) this.stage.corners.push(at);
    if (drag.kind === "mark" && drag.mark.point >= 0 && drag.to && inside) this.on.move(drag.mark, at[0], at[1]);
    if (drag.kind === "box") {
      const box = ordered(drag.from, at);
      if (box[2] - box[0] > LEAST_BOX_REL && box[3] - box[1] > LEAST_BOX_REL) this.on.box(box);
    }
    if (drag.kind === "ellipse") this.on.mask(maskOf(ellipse(ordered(drag.from, at)), this.store.state.video, null));
    if (drag.kind === "brush") this.#stroke(drag.path, drag.erases);
    this.stage.draw();
  }
  /** Draws a stroke over, or out of, the object's mask of the open frame. @param {Point[]} path @param {boolean} erases */
  #stroke(path, erases) {
    const { state } = this.store;
    const known = this.stage.masks.mask(state.frame, state.selected)?.rle ?? null;
    this.on.mask(maskOf(stroke(path, erases, this.stage.brush), state.video, known));
  }
  /** @param {[number, number]} at */
  #hover(at) {
    const { state } = this.store;
    const inside = at.every((value) => value >= 0 && value <= 1);
    if (!state.hover || state.looked || state.playing || state.tool !== "click" || !inside) {
      if (this.stage.hoverPicture) this.on.hover(null);
      return;
    }
    this.on.hover([at[0], at[1], 1]);
  }
  /** The point or box of the open frame under the pointer. @param {PointerEvent} event @returns {PromptMark | null} */
  #markAt(event) {
    const { state } = this.store;
    const place = this.stage.place();
    for (const prompt of state.prompts) {
      if (prompt.frame !== state.frame) continue;
      const point = prompt.points.findIndex(([x2, y2]) => Math.hypot(place.left + x2 * place.width - event.offsetX, place.top + y2 * place.height - event.offsetY) < GRAB_PX);
      if (point >= 0) return { object: prompt.object, frame: prompt.frame, point };
    }
    return null;
  }
};

// backend/interfaces/http/player/static/view/propagation_bar.js
var MOST_FRAMES = 9999;
function PropagationBar({ state, parts: parts2 }) {
  const { propagation: propagation2, store: store2 } = parts2;
  const [count, setCount] = G(15);
  if (state.looked) {
    return fe`
      <${LookingNote} state=${state} parts=${parts2}>
        ${isPropagating(state) && fe`<span>Your propagation:</span>`}<${Progress} state=${state} parts=${parts2} />
      <//>`;
  }
  return fe`
    <div class="propagation" role="group" aria-label="Carry the masks on">
      <button title="To the start (both ways: G)" onClick=${() => propagation2.start("backward", null)}>◀◀ start</button>
      <button title="Back (R: 15 frames)" onClick=${() => propagation2.start("backward", count)}>◀ ${count}</button>
      <input type="number" min="1" max=${MOST_FRAMES} value=${count} aria-label="Frames to carry"
        onInput=${(event) => setCount(frames(event, 1))} />
      <button class="strong" title="On (F: 15 frames)" onClick=${() => propagation2.start("forward", count)}>${count} ▶</button>
      <button class="strong" title="To the end (Shift+F)" onClick=${() => propagation2.start("forward", null)}>
        end ▶▶</button>
      <button title="Both ways (G)" onClick=${() => propagation2.start("both", null)}>◀ all ▶</button>
      <button title="On, until a mask is uncertain (U)"
        onClick=${() => propagation2.start("forward", null, UNCERTAIN_FROM)}>until uncertain</button>
      <label title="Frames left out before each one that gets masks">
        skip <input type="number" min="0" max=${MOST_FRAMES} value=${state.skip}
          onInput=${(event) => store2.act("set", { skip: frames(event, 0) })} />
      </label>
      <label title="Carry the selected object alone (K)">
        <input type="checkbox" checked=${state.onlySelected}
          onChange=${() => store2.act("set", { onlySelected: !state.onlySelected })} />
        only ${state.selected || "the selected object"}
      </label>
      <${Progress} state=${state} parts=${parts2} />
    </div>`;
}
function frames({ target }, least) {
  const typed = Math.round(Number(
    /** @type {HTMLInputElement} */
    target.value
  ));
  return Math.min(Math.max(least, typed || least), MOST_FRAMES);
}
function Progress({ state, parts: parts2 }) {
  const { job } = state;
  if (!job || !isPropagating(state)) return state.busy > 0 ? fe`<span class="progress">working…</span>` : null;
  const leftS = job.frames_per_s ? (job.total - job.done) / job.frames_per_s : null;
  return fe`
    <progress max=${job.total || 1} value=${job.done} aria-label="Frames made"></progress>
    <span class="progress">${job.state === "queued" ? "waiting for a worker" : `${job.done} of ${job.total}`}
      ${job.frames_per_s ? ` \xB7 ${job.frames_per_s.toFixed(1)} frames/s` : ""}
      ${leftS === null ? "" : ` \xB7 ${duration(leftS)} left`}</span>
    <button class="stop" title="Stop; what is made stays (S)" onClick=${() => parts2.propagation.stop()}>■ Stop</button>`;
}
function duration(seconds) {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}

// backend/interfaces/http/player/static/media/mask_paint.js
var FILL_ALPHA = 110;
var EDGE_ALPHA = 235;
function paint(masks2) {
  const [height, width] = masks2[0].rle.size;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (const mask of masks2) paintOne(pixels, width, mask);
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return canvas;
}
function paintOne(pixels, width, { rle, color }) {
  const fill = rgba(color, FILL_ALPHA);
  const edge = rgba(color, EDGE_ALPHA);
  let [lastColumn, lastTop, lastBottom] = [-2, 0, 0];
  forEachRun(rle, (column, top, length) => {
    const bottom = top + length - 1;
    let at = top * width + column;
    for (let row = top; row <= bottom; row += 1, at += width) {
      const inside = row > top && row < bottom && column === lastColumn + 1 && row >= lastTop && row <= lastBottom;
      pixels[at] = inside ? fill : edge;
    }
    [lastColumn, lastTop, lastBottom] = [column, top, bottom];
  });
}
function rgba(color, alpha) {
  const value = Number.parseInt(color.slice(1), 16);
  return (alpha << 24 | (value & 255) << 16 | value & 65280 | value >> 16) >>> 0;
}

// backend/interfaces/http/player/static/view/draw_once.js
function oncePerFrame(paint2) {
  let pending = false;
  return () => {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      paint2();
    });
  };
}

// backend/interfaces/http/player/static/view/stage.js
var MOST_ZOOM = 16;
var SMOOTH_BELOW = 4;
var BRUSH_REL = 0.02;
var HOVER_ALPHA = 0.6;
var Stage = class {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("../state/state.js").Store} store
   * @param {import("../media/frame_cache.js").FrameCache} frames
   * @param {import("../media/shown_masks.js").ShownMasks} masks
   * @param {import("../media/mask_pictures.js").MaskPictures} pictures
   */
  constructor(canvas, store2, frames3, masks2, pictures2) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */
    canvas.getContext("2d", { alpha: false });
    this.store = store2;
    this.frames = frames3;
    this.masks = masks2;
    this.pictures = pictures2;
    this.zoom = 1;
    this.panX = 0;
    this.panY = 0;
    this.brush = BRUSH_REL;
    this.drag = null;
    this.corners = [];
    this.crossHair = null;
    this.hoverPicture = null;
    this.draw = oncePerFrame(() => this.#paint());
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }
  /** @param {import("../types.js").MaskEntry | null} mask */
  showHover(mask) {
    if (!mask && !this.hoverPicture) return;
    this.hoverPicture = mask?.rle ? paint([{ rle: mask.rle, color: "#ffffff" }]) : null;
    this.draw();
  }
  /** @returns {boolean} whether the picture on the canvas is the open frame's */
  showsOpenFrame() {
    return this.frames.bitmap(this.store.state.frame) !== void 0;
  }
  // geometry
  resetZoom() {
    [this.zoom, this.panX, this.panY] = [1, 0, 0];
    this.draw();
  }
  /** Zooms around a point, in CSS pixels of the canvas. @param {number} factor */
  zoomBy(factor, x2 = this.canvas.clientWidth / 2, y2 = this.canvas.clientHeight / 2) {
    const before = this.place();
    const zoom = Math.min(Math.max(this.zoom * factor, 1), MOST_ZOOM);
    const grown = zoom / this.zoom;
    this.zoom = zoom;
    const after = this.place();
    this.panX += x2 - (x2 - before.left) * grown - after.left;
    this.panY += y2 - (y2 - before.top) * grown - after.top;
    if (zoom === 1) [this.panX, this.panY] = [0, 0];
    this.draw();
  }
  /** Where the picture lies. @returns {Place} */
  place() {
    const { width, height } = this.store.state.video;
    const [outer, tall] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const scale = Math.min(outer / (width || 1), tall / (height || 1)) * this.zoom;
    const [w2, h2] = [width * scale, height * scale];
    return { left: (outer - w2) / 2 + this.panX, top: (tall - h2) / 2 + this.panY, width: w2, height: h2 };
  }
  /** @param {{offsetX: number, offsetY: number}} event @returns {Point} may be outside of the frame */
  relative(event) {
    const place = this.place();
    return [(event.offsetX - place.left) / place.width, (event.offsetY - place.top) / place.height];
  }
  #resize() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    this.#paint();
  }
  // drawing
  #paint() {
    const { frame } = this.store.state;
    const picture = this.frames.bitmap(frame);
    this.canvas.dataset.complete = String(Boolean(picture) && this.pictures.isCurrent(frame));
    if (!picture) return;
    this.canvas.dataset.frame = String(frame);
    const { context } = this;
    const ratio = window.devicePixelRatio || 1;
    const place = this.place();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    context.imageSmoothingEnabled = this.zoom < SMOOTH_BELOW;
    this.#image(picture, place);
    const masks2 = this.pictures.picture(frame);
    if (masks2) this.#image(masks2, place);
    this.#paintMarks(place);
  }
  /** @param {CanvasImageSource} image @param {Place} place */
  #image(image, place) {
    this.context.drawImage(image, place.left, place.top, place.width, place.height);
  }
  /** @param {Place} place */
  #paintMarks(place) {
    const state = shown(this.store.state);
    const { context } = this;
    if (state.boxes) this.#paintBoxes(place);
    if (state.playing) return;
    if (this.hoverPicture) {
      context.globalAlpha = HOVER_ALPHA;
      this.#image(this.hoverPicture, place);
      context.globalAlpha = 1;
    }
    for (const prompt of state.prompts) {
      const object = state.objects.find((each) => each.id === prompt.object);
      if (prompt.frame === state.frame && object?.visible) {
        drawPrompt(context, place, prompt, object.color, state.selectedPrompt);
      }
    }
    const color = state.objects.find((each) => each.id === state.selected)?.color ?? "#ffffff";
    drawDrag(context, place, this.drag, this.corners, color, this.brush);
    if (this.crossHair) drawCrossHair(context, place, this.crossHair);
  }
  /** @param {Place} place */
  #paintBoxes(place) {
    const state = shown(this.store.state);
    for (const { id, color, visible } of state.objects) {
      const box = visible ? this.masks.mask(state.frame, id)?.box : null;
      if (box) strokeBox(this.context, place, box, color, { dash: [6, 4] });
    }
  }
};

// backend/interfaces/http/player/static/view/thumbnails.js
var WIDTH_PX = 112;
var MOST = 11;
var KEPT = 120;
var Thumbnails = class {
  /**
   * @param {HTMLElement} strip
   * @param {import("../state/state.js").Store} store
   * @param {import("../media/frame_cache.js").FrameCache} frames
   * @param {import("../media/shown_masks.js").ShownMasks} masks
   */
  constructor(strip, store2, frames3, masks2) {
    this.strip = strip;
    this.store = store2;
    this.frames = frames3;
    this.masks = masks2;
    this.known = /* @__PURE__ */ new Map();
    this.isBusy = false;
    this.isStale = false;
    new ResizeObserver(() => this.draw()).observe(strip);
  }
  /** Draws the strip, if it is shown and the video stands. A picture that comes later calls this again. */
  async draw() {
    const { thumbnails: thumbnails2, playing, ready } = this.store.state;
    this.strip.hidden = !thumbnails2;
    if (!thumbnails2 || !ready || playing) {
      this.frames.want([]);
      return;
    }
    this.isStale = true;
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      while (this.isStale) {
        this.isStale = false;
        await this.#fill();
      }
    } finally {
      this.isBusy = false;
    }
  }
  /** The frames of the strip, ascending; the open one is in the middle where the video allows. @returns {number[]} */
  shownFrames() {
    const { frame, video } = this.store.state;
    const fitting = Math.max(Math.floor(this.strip.clientWidth / (WIDTH_PX + 4)), 3);
    const count = Math.min(fitting - (1 - fitting % 2), MOST, video.frame_count);
    const first = Math.min(Math.max(frame - Math.floor(count / 2), 0), video.frame_count - count);
    return [...Array(count).keys()].map((each) => first + each);
  }
  async #fill() {
    const shown2 = this.shownFrames();
    this.frames.want(shown2);
    this.masks.want(shown2);
    const buttons = this.#buttons(shown2.length);
    for (const [position, frame] of shown2.entries()) this.#label(buttons[position], frame);
    for (const [position, frame] of shown2.entries()) {
      const thumbnail = await this.#thumbnail(frame);
      if (this.isStale || this.store.state.playing) return;
      const canvas = (
        /** @type {HTMLCanvasElement} */
        buttons[position].firstChild
      );
      const context = (
        /** @type {CanvasRenderingContext2D} */
        canvas.getContext("2d")
      );
      context.clearRect(0, 0, canvas.width, canvas.height);
      if (thumbnail) context.drawImage(thumbnail, 0, 0);
    }
  }
  /** Of a thumbnail, pixels. */
  #height() {
    const { width, height } = this.store.state.video;
    return Math.round(WIDTH_PX * height / width);
  }
  /** @param {number} count @returns {HTMLButtonElement[]} */
  #buttons(count) {
    while (this.strip.children.length > count) this.strip.lastChild?.remove();
    while (this.strip.children.length < count) {
      const button = document.createElement("button");
      const canvas = document.createElement("canvas");
      canvas.width = WIDTH_PX;
      canvas.height = this.#height();
      button.append(canvas, document.createElement("span"));
      button.addEventListener("click", () => this.store.act("frame", Number(button.dataset.frame)));
      this.strip.append(button);
    }
    return [.../** @type {HTMLCollectionOf<HTMLButtonElement>} */
    this.strip.children];
  }
  /** @param {HTMLButtonElement} button @param {number} frame */
  #label(button, frame) {
    button.dataset.frame = String(frame);
    button.setAttribute("aria-label", `Frame ${frame + 1}`);
    button.setAttribute("aria-current", String(frame === this.store.state.frame));
    if (button.lastChild) button.lastChild.textContent = String(frame + 1);
  }
  /** @param {number} frame @returns {Promise<ImageBitmap | null>} null: its picture is not here yet */
  async #thumbnail(frame) {
    const objects = shown(this.store.state).objects.filter((each) => each.visible && this.masks.mask(frame, each.id)?.rle);
    const key = `${this.masks.version(frame)} ${objects.map((each) => each.id + each.color).join()}`;
    const masks2 = objects.flatMap(({ id, color }) => {
      const rle = this.masks.mask(frame, id)?.rle;
      return rle ? [{ rle, color }] : [];
    });
    const known = this.known.get(frame);
    if (known?.key === key) return known.bitmap;
    const blob = this.frames.blob(frame);
    if (!blob) return null;
    const tall = this.#height();
    const picture = await createImageBitmap(blob, { resizeWidth: WIDTH_PX, resizeHeight: tall });
    const canvas = new OffscreenCanvas(WIDTH_PX, tall);
    const context = (
      /** @type {OffscreenCanvasRenderingContext2D} */
      canvas.getContext("2d")
    );
    context.drawImage(picture, 0, 0);
    picture.close();
    if (masks2.length) context.drawImage(paint(masks2), 0, 0, WIDTH_PX, tall);
    const bitmap = canvas.transferToImageBitmap();
    this.#keep(frame, { key, bitmap });
    return bitmap;
  }
  /** @param {number} frame @param {Thumbnail} thumbnail */
  #keep(frame, thumbnail) {
    this.known.get(frame)?.bitmap.close();
    this.known.delete(frame);
    this.known.set(frame, thumbnail);
    for (const oldest of this.known.keys()) {
      if (this.known.size <= KEPT) return;
      this.known.get(oldest)?.bitmap.close();
      this.known.delete(oldest);
    }
  }
};

// backend/interfaces/http/player/static/view/score_color.js
var SCALE = [
  "#c22525",
  "#c13025",
  "#bf3b24",
  "#be4624",
  "#bc5124",
  "#bb5b23",
  "#ba6623",
  "#b87023",
  "#b77a22",
  "#b58422",
  "#b48d22",
  "#b39722",
  "#b1a021",
  "#b0aa21",
  "#aaae21",
  "#9ead20",
  "#93ab20",
  "#87aa20",
  "#7ca91f",
  "#71a71f",
  "#66a61f",
  "#5ba41e",
  "#51a31e",
  "#46a21e",
  "#3ca01e",
  "#329f1d",
  "#289d1d",
  "#1e9c1d",
  "#1c9a24",
  "#1c992d",
  "#1c992d"
];
function scoreColor(uncertainty) {
  const score = Math.round((1 - Math.min(Math.max(uncertainty, 0), 1)) * 1e4) / 1e4;
  return SCALE[Math.ceil(score * (SCALE.length - 1))];
}

// backend/interfaces/http/player/static/view/lanes.js
var LANE_PX = 16;
var HEAD_PX = 14;
var LABEL_PX = 84;
var LABEL_CHARACTERS = 14;
var DOT_PX = 3;
var Scale = class {
  /** @param {number} width  CSS pixels @param {number} frameCount */
  constructor(width, frameCount) {
    this.width = width;
    this.frameCount = Math.max(frameCount, 1);
    this.frameWidth = (width - LABEL_PX) / this.frameCount;
  }
  /** @param {number} frame @returns {number} x in CSS pixels */
  x(frame) {
    return LABEL_PX + frame * this.frameWidth;
  }
  /** @param {number} x  CSS pixels @returns {number} may be outside of the video */
  frame(x2) {
    return Math.floor((x2 - LABEL_PX) / this.frameWidth);
  }
};
function shortened(name) {
  return name.length <= LABEL_CHARACTERS ? name : `${name.slice(0, LABEL_CHARACTERS - 5)}\u2026${name.slice(-4)}`;
}
function drawLanes(context, state, scale, { ink, faint }) {
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  state.objects.forEach((object, position) => {
    const top = HEAD_PX + position * LANE_PX;
    context.fillStyle = object.id === state.selected ? ink : faint;
    context.fillText(shortened(object.id), 2, top + LANE_PX / 2, LABEL_PX - 6);
    const lane = state.lanes[object.id];
    const human = new Set(lane?.human);
    for (const prompt of state.prompts) if (prompt.object === object.id) human.add(prompt.frame);
    if (lane) drawMasks(context, lane, top, scale, object.color, faint);
    drawHuman(context, human, top, scale);
  });
  context.fillStyle = ink;
  for (const cut of state.cuts) context.fillRect(scale.x(cut), 0, 1, HEAD_PX + LANE_PX * state.objects.length);
}
function drawMasks(context, lane, top, scale, color, faint) {
  const bar = (start, stop, y2, height) => context.fillRect(scale.x(start), y2, Math.max((stop - start) * scale.frameWidth, 1), height);
  context.fillStyle = color;
  for (const [start, stop] of lane.present) bar(start, stop, top + 3, LANE_PX - 6);
  context.fillStyle = faint;
  for (const [start, stop] of lane.absent) bar(start, stop, top + LANE_PX / 2 - 1, 2);
  for (const [frame, value] of mostPerPixel(lane.uncertainty, scale)) {
    context.globalAlpha = Math.min(value, 1);
    context.fillStyle = scoreColor(value);
    bar(frame, frame + 1, top + 1, LANE_PX - 2);
  }
  context.globalAlpha = 1;
}
function mostPerPixel(uncertainty, scale) {
  if (scale.frameWidth >= 1) return uncertainty;
  const found = /* @__PURE__ */ new Map();
  for (const entry of uncertainty) {
    const column = Math.floor(scale.x(entry[0]));
    if (entry[1] > (found.get(column)?.[1] ?? -1)) found.set(column, entry);
  }
  return [...found.values()];
}
function drawHuman(context, frames3, top, scale) {
  context.fillStyle = "#ffffff";
  context.strokeStyle = "#000000";
  for (const x2 of new Set([...frames3].map((frame) => Math.round(scale.x(frame) + scale.frameWidth / 2)))) {
    context.beginPath();
    context.arc(x2, top + LANE_PX / 2, DOT_PX, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}

// backend/interfaces/http/player/static/view/timeline.js
var LANE_KEYS = ["lanes", "objects", "prompts", "selected", "cuts", "video"];
var Timeline = class {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("../state/state.js").Store} store
   */
  constructor(canvas, store2) {
    this.canvas = canvas;
    this.context = /** @type {CanvasRenderingContext2D} */
    canvas.getContext("2d");
    this.store = store2;
    this.draw = oncePerFrame(() => this.#paint());
    this.lanes = new OffscreenCanvas(1, 1);
    this.drawn = null;
    this.drawnFor = "";
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#seek(event));
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }
  /** @param {PointerEvent} event */
  #press(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.#seek(event);
    const object = shown(this.store.state).objects[Math.floor((event.offsetY - HEAD_PX) / LANE_PX)];
    if (object) this.store.act("select", object.id);
  }
  /** @param {PointerEvent} event */
  #seek(event) {
    if (!(event.buttons & 1)) return;
    this.store.act("set", { playing: false });
    this.store.act("frame", this.#scale().frame(event.offsetX));
  }
  #scale() {
    return new Scale(this.canvas.clientWidth, this.store.state.video.frame_count);
  }
  #paint() {
    const state = shown(this.store.state);
    const { canvas, context } = this;
    const ratio = window.devicePixelRatio || 1;
    const height = HEAD_PX + LANE_PX * Math.max(state.objects.length, 1);
    const [wide, tall] = [Math.round(canvas.clientWidth * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide || canvas.height !== tall) {
      canvas.style.height = `${height}px`;
      [canvas.width, canvas.height] = [wide, tall];
    }
    const style = getComputedStyle(canvas);
    const colors = { ink: style.color, faint: style.borderTopColor };
    this.#paintLanes(state, wide, tall, ratio, colors);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, wide, tall);
    context.drawImage(this.lanes, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#paintWork(state, colors);
    this.#paintHead(state, height, colors.ink);
    this.#tell(state);
  }
  /** What a screen reader says of the play head. @param {State} state */
  #tell({ frame, video }) {
    const values = { valuemin: 1, valuemax: Math.max(video.frame_count, 1), valuenow: frame + 1 };
    for (const [name, value] of Object.entries(values)) this.canvas.setAttribute(`aria-${name}`, String(value));
  }
  /**
   * Draws the lanes anew if what they show has changed: not while the play head alone moves.
   * @param {State} state
   * @param {number} wide  device pixels
   * @param {number} tall  device pixels
   * @param {number} ratio  device pixels per CSS pixel
   * @param {{ink: string, faint: string}} colors
   */
  #paintLanes(state, wide, tall, ratio, colors) {
    const drawnFor = `${wide} ${tall} ${colors.ink} ${colors.faint}`;
    const { drawn } = this;
    if (drawn && drawnFor === this.drawnFor && LANE_KEYS.every((key) => drawn[key] === state[key])) return;
    this.drawn = state;
    this.drawnFor = drawnFor;
    this.lanes.width = Math.max(wide, 1);
    this.lanes.height = tall;
    const context = (
      /** @type {OffscreenCanvasRenderingContext2D} */
      this.lanes.getContext("2d")
    );
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    drawLanes(context, state, this.#scale(), colors);
  }
  /** The propagation under way, and the range to approve. @param {State} state @param {{ink: string, faint: string}} colors */
  #paintWork(state, { ink, faint }) {
    const { context } = this;
    const scale = this.#scale();
    const bar = (start, frames3, y2) => context.fillRect(scale.x(start), y2, Math.max(frames3 * scale.frameWidth, 2), 2);
    const { job, rangeStart, frame, looked } = state;
    if (job && !looked && isPropagating(state)) {
      context.fillStyle = faint;
      bar(job.start, job.stop - job.start, HEAD_PX - 3);
      context.fillStyle = ink;
      bar(job.start, (job.stop - job.start) * (job.total ? job.done / job.total : 0), HEAD_PX - 3);
    }
    if (rangeStart !== null) {
      context.fillStyle = ink;
      bar(Math.min(rangeStart, frame), Math.abs(frame - rangeStart) + 1, 0);
    }
  }
  /** @param {State} state @param {number} height @param {string} ink */
  #paintHead(state, height, ink) {
    const { context } = this;
    const scale = this.#scale();
    const x2 = scale.x(state.frame);
    context.fillStyle = ink;
    context.globalAlpha = 0.25;
    context.fillRect(x2, 0, Math.max(scale.frameWidth, 2), height);
    context.globalAlpha = 1;
    context.fillRect(x2, 0, 2, height);
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.fillText(String(state.frame + 1), Math.min(x2 + 4, scale.width - 40), HEAD_PX / 2);
  }
};

// backend/interfaces/http/player/static/view/toolbar.js
var SPEEDS = [0.25, 0.5, 1, 2, 4];
var TOOLS = [
  ["click", "Click", "C"],
  ["box", "Box", "X"],
  ["brush", "Brush", "B"],
  ["eraser", "Eraser", "E"],
  ["polygon", "Polygon", "P"],
  ["ellipse", "Ellipse", "I"]
];
function Toolbar({ state, parts: parts2 }) {
  return fe`
    <div class="toolbar" role="group" aria-label="Tools and playing">
      <${Tools} state=${state} parts=${parts2} />
      <${Shown} state=${state} parts=${parts2} />
      <${Transport2} state=${state} parts=${parts2} />
      <${ReviewButtons} state=${state} parts=${parts2} />
    </div>`;
}
function Tools({ state, parts: parts2 }) {
  const { store: store2, prompts: prompts2 } = parts2;
  const isLooking = state.looked !== null;
  return fe`
    <span class="group drawing" role="group" aria-label="Tool">
      ${TOOLS.map(([tool, name, key]) => fe`
        <button aria-pressed=${state.tool === tool} disabled=${isLooking} title=${`${name} (${key})`}
          onClick=${() => store2.act("set", { tool })}>${name}</button>`)}
    </span>
    <span class="group drawing">
      <button title="Undo (Ctrl+Z)" aria-label="Undo" disabled=${isLooking} onClick=${() => prompts2.undo()}>↶</button>
      <button title="Redo (Ctrl+Y)" aria-label="Redo" disabled=${isLooking} onClick=${() => prompts2.redo()}>↷</button>
    </span>`;
}
function Transport2({ state, parts: parts2 }) {
  const { store: store2, review: review2 } = parts2;
  const setSpeed = ({ target }) => store2.act("set", { speed: Number(
    /** @type {HTMLSelectElement} */
    target.value
  ) });
  return fe`
    <span class="group playing">
      <button title="Previous human frame (,)" aria-label="Previous human frame"
        onClick=${() => review2.toHumanFrame(-1)}>‹ human</button>
      <button title="Previous frame (←)" aria-label="Previous frame" onClick=${() => step(store2, -1)}>◀</button>
      <button class="play" title="Play or pause (Space)" aria-label=${state.playing ? "Pause" : "Play"}
        onClick=${() => store2.act("set", { playing: !state.playing })}>${state.playing ? "\u275A\u275A" : "\u25B6"}</button>
      <button title="Next frame (→)" aria-label="Next frame" onClick=${() => step(store2, 1)}>▶|</button>
      <button title="Next human frame (.)" aria-label="Next human frame"
        onClick=${() => review2.toHumanFrame(1)}>human ›</button>
      <select aria-label="Speed" value=${state.speed} onChange=${setSpeed}>
        ${SPEEDS.map((speed) => fe`<option value=${speed}>${speed}×</option>`)}
      </select>
      <button aria-pressed=${state.loop} title="Loop (L)" onClick=${() => store2.act("set", { loop: !state.loop })}>Loop</button>
      <span class="position">${state.frame + 1} / ${state.video.frame_count}</span>
    </span>`;
}
function ReviewButtons({ state, parts: parts2 }) {
  const { review: review2 } = parts2;
  const { rangeStart, frame } = state;
  const isLooking = state.looked !== null;
  return fe`
    <span class="group review">
      <button class="strong" title="Next uncertain frame (N)" onClick=${() => review2.toUncertainFrame()}>
        Next uncertain</button>
      <button title="This frame is right (Enter)" disabled=${isLooking} onClick=${() => review2.approve()}>✓ Right</button>
      <button aria-pressed=${rangeStart !== null} disabled=${isLooking} onClick=${() => review2.markRange()}
        title=${rangeStart === null ? "Start a range of right frames here (M)" : "Give the range up (M)"}>
        ${rangeStart === null ? "from here" : `from ${rangeStart + 1}`}</button>
      ${rangeStart !== null && fe`
        <button title="All frames of the range are right (Shift+Enter)" onClick=${() => review2.approveRange()}>
          ✓ ${Math.min(rangeStart, frame) + 1}–${Math.max(rangeStart, frame) + 1}</button>`}
    </span>`;
}
function Shown({ state, parts: parts2 }) {
  const { store: store2 } = parts2;
  return fe`
    <span class="group">
      <button aria-pressed=${state.hover} title="Mask under the mouse (H)"
        onClick=${() => store2.act("set", { hover: !state.hover })}>Preview</button>
      <button aria-pressed=${state.boxes} title="Boxes of the masks (V)"
        onClick=${() => store2.act("set", { boxes: !state.boxes })}>Boxes</button>
      <button aria-pressed=${state.thumbnails} title="Frames around this one (T)"
        onClick=${() => store2.act("set", { thumbnails: !state.thumbnails })}>Frames</button>
      <button title="Help (?)" aria-label="Help" onClick=${() => store2.act("set", { help: true })}>?</button>
    </span>`;
}

// backend/interfaces/http/player/static/main.js
var PREWARM_MS = 150;
var root = (
  /** @type {HTMLElement} */
  document.getElementById("player")
);
var places = layOut(root);
var store = new Store();
var transport = new Transport();
var notices = new Notices(store);
function readAgain() {
  frames2.fill();
  masks.invalidate();
  timelineReader.soon();
  looking.refresh();
}
var connection = new Connection(transport, store, readAgain);
var signIn = new SignIn(transport, store, notices, () => {
  if (store.state.ready) readAgain();
});
var frames2 = new FrameCache(
  (frame, signal) => transport.picture(frame, signal),
  (frame) => {
    notices.succeed("frames");
    if (frame === store.state.frame) stage.draw();
    void thumbnails.draw();
  },
  (error) => notices.fail(error, "frames")
);
function showMasks(changed) {
  notices.succeed("masks");
  pictures.fill();
  void thumbnails.draw();
  if (!changed.includes(store.state.frame)) return;
  stage.draw();
  announcer.soon();
}
var masks = new MaskCache(
  (start, stop) => transport.masks(start, stop),
  showMasks,
  (error) => notices.fail(error, "masks")
);
var shownMasks = new ShownMasks(masks);
var pictures = new MaskPictures(
  shownMasks,
  () => shown(store.state).objects,
  (frame) => {
    if (frame === store.state.frame) stage.draw();
  },
  (error) => notices.fail(error, "masks")
);
var playback = new Playback(store, (frame) => frames2.bitmap(frame) !== void 0 && pictures.isCurrent(frame));
var changes = new Changes(store, notices, connection);
var timelineReader = new TimelineReader(transport, store, notices);
var prompts = new Prompts(transport, store, masks, changes, timelineReader);
var finding = new Finding(transport, store, prompts);
var propagation = new Propagation(transport, store, masks, changes, timelineReader);
var review = new Review(transport, store, masks, changes, timelineReader);
var stage = new Stage(places.canvas, store, frames2, shownMasks, pictures);
var hover = new Hover(transport, store, (mask) => stage.showHover(mask));
var pointer = new Pointer(stage, {
  point: (point) => prompts.point(point),
  box: (box) => prompts.box(box),
  mask: (mask) => prompts.mask(mask),
  move: (at, x2, y2) => prompts.movePoint(at, x2, y2),
  hover: (point) => {
    void hover.over(point);
  },
  refuse: () => changes.refuse()
});
var timeline = new Timeline(places.lanes, store);
var thumbnails = new Thumbnails(places.thumbnails, store, frames2, shownMasks);
var announcer = new Announcer(places.status, store, shownMasks);
var looking = new Looking(transport, store, shownMasks, notices, showMasks, () => pointer.isDrawing());
var parts = {
  root,
  store,
  notices,
  signIn,
  prompts,
  finding,
  propagation,
  review,
  looking,
  frames: frames2,
  masks,
  shownMasks,
  pictures,
  playback,
  stage,
  pointer
};
var prewarmTimer = 0;
function prewarmSoon() {
  clearTimeout(prewarmTimer);
  prewarmTimer = setTimeout(() => {
    const { playing, frame } = store.state;
    if (!playing) transport.prewarm([frame, frame + 1]).catch(() => {
    });
  }, PREWARM_MS);
}
function follow(state, before) {
  if (state.ready && !before.ready) {
    frames2.count = masks.count = state.video.frame_count;
    root.removeAttribute("aria-busy");
  }
  if (state.ready && (state.frame !== before.frame || !before.ready)) {
    const step2 = state.frame >= before.frame ? 1 : -1;
    frames2.moveTo(state.frame, step2);
    shownMasks.moveTo(state.frame, step2);
    pictures.moveTo(state.frame, step2);
    if (!state.playing) prewarmSoon();
  }
  if (state.looked?.user !== before.looked?.user) {
    pictures.clear();
    shownMasks.moveTo(state.frame, 1);
    stage.showHover(null);
  }
  if (before.playing && !state.playing) prewarmSoon();
  if (shown(state).objects !== shown(before).objects) pictures.fill();
  if (state.frame !== before.frame || state.tool !== before.tool) pointer.cancel();
  if (state.frame !== before.frame || state.selected !== before.selected) stage.showHover(null);
}
var VIEWS = [
  [Notice, places.notice, ["notice", "connected", "busy", "needsToken"]],
  [Toolbar, places.toolbar, ["tool", "playing", "speed", "loop", "frame", "video", "rangeStart", "hover", "boxes", "thumbnails", "looked"]],
  [ObjectList, places.objects, ["objects", "selected", "labels", "prompts", "model", "verdicts", "objections", "note", "people", "looked", "finding"]],
  [PropagationBar, places.propagation, ["job", "busy", "selected", "onlySelected", "skip", "looked"]],
  [Help, places.help, ["help"]]
];
var TOLD = ["frame", "objects", "playing", "ready", "looked"];
function draw(state, before) {
  const seen = shown(state);
  for (const [view, place, keys] of VIEWS) {
    if (before && keys.every((key) => state[key] === before[key])) continue;
    M(fe`<${view} state=${seen} parts=${parts} />`, place);
  }
}
store.listen((state, before) => {
  follow(state, before);
  stage.draw();
  timeline.draw();
  void thumbnails.draw();
  if (TOLD.some((key) => state[key] !== before[key])) announcer.soon();
  draw(state, before);
});
document.addEventListener("keydown", (event) => onKey(event, parts));
root.addEventListener("click", (event) => {
  const isButton = event.target instanceof Element && event.target.closest("button") !== null;
  if (isButton && event.detail > 0 && !store.state.help) stage.canvas.focus({ preventScroll: true });
});
window.addEventListener("beforeunload", (event) => {
  if (store.state.busy) event.preventDefault();
});
draw(store.state, null);
Object.assign(window, { masklet: parts });
try {
  const task = await openTask(addressedTask(location.search), transport, notices, () => signIn.next());
  if (task) {
    store.act("opened", task);
    keepLocks(store, task);
    timelineReader.soon();
    looking.isAllowed = task.shared_masks;
    looking.refresh();
    if (task.effort) new Activity(transport, store).listen(window);
    if (isPropagating(store.state)) propagation.follow();
  }
} catch (error) {
  notices.fail(error);
}
