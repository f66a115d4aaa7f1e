import { Button, Text, View } from '@tarojs/components'
import Taro from '@tarojs/taro'
import { useState } from 'react'

import { auth } from '../../auth'

export default function Index() {
  const [user, setUser] = useState(null)

  function show(result) {
    if (result.ok) setUser(result.data)
    else Taro.showToast({ title: result.detail || result.code, icon: 'none' })
  }

  return (
    <View>
      <Text>{user ? user.nickname || user.id : '未登录'}</Text>
      <Button onClick={() => auth.request({ url: 'me/' }).then(show)}>我的资料</Button>
      <Button openType='getPhoneNumber' onGetPhoneNumber={(event) => auth.bindPhone(event).then(show)}>绑定手机号</Button>
      <Button openType='chooseAvatar' onChooseAvatar={(event) => auth.uploadAvatar(event).then(show)}>头像</Button>
    </View>
  )
}
