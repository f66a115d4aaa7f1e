// The one client of this mini-program. Every page takes it from here.
import { create } from 'wxauth-miniprogram'

export const auth = create({ baseURL: 'http://127.0.0.1:8000/api/wxauth', wx: uni })
